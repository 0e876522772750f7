//! Recipes that go by names.

use std::path::Path;

use super::Recipe;
use crate::tensor::{Error, Result};

/// The recipes of the paper's data sets (Table 7, spec §8.1), and one for data sets of one's own, with their names.
const RELEASED: [(&str, &str); 6] = [
    ("k400", include_str!("k400.toml")),
    ("k600", include_str!("k600.toml")),
    ("mit", include_str!("mit.toml")),
    ("ek100", include_str!("ek100.toml")),
    ("ssv2", include_str!("ssv2.toml")),
    ("fine-tune", include_str!("fine-tune.toml")),
];

impl Recipe {
    /// The names of the recipes that [`Recipe::named`] knows.
    pub const NAMES: &'static [&'static str] = &{
        let mut names = [""; RELEASED.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = RELEASED[index].0;
            index += 1;
        }
        names
    };

    /// The recipe of one of the paper's data sets (Table 7), `k400`, `k600`, `mit`, `ek100`, `ssv2`, or `fine-tune` for a trained
    /// model and one's own classes.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for another name.
    pub fn named(name: &str) -> Result<Self> {
        Self::parse(Self::named_text(name)?)
    }

    /// The text of [`Recipe::named`], with its comments: to begin a recipe of one's own from.
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named).
    pub fn named_text(name: &str) -> Result<&'static str> {
        let found = RELEASED.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text).ok_or_else(|| {
            Error::usage(format!("no recipe is called {name:?}; there are {}, and files", Self::NAMES.join(", ")))
        })
    }

    /// The recipe of that name, else that of a file.
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named) where there is neither, and as [`read`](Self::read).
    pub fn find(name_or_path: &str) -> Result<Self> {
        match Self::named_text(name_or_path) {
            Ok(text) => Self::parse(text),
            Err(_) if Path::new(name_or_path).exists() => Self::read(name_or_path),
            Err(error) => Err(error),
        }
    }
}
