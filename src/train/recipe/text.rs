//! Recipes as files.

use std::io::Write;
use std::path::Path;

use super::Recipe;
use super::fault::unreadable;
use crate::files::write_whole;
use crate::tensor::{Error, Result};

impl Recipe {
    /// Reads a recipe from its text.
    ///
    /// # Errors
    ///
    /// [`File`](crate::tensor::ErrorKind::File) with the line, the field and what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).map_err(|error| unreadable(text, error))?;
        match recipe.fault() {
            Some(fault) => Err(fault.within(text)),
            None => Ok(recipe),
        }
    }

    /// Reads a recipe from a file.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), with the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))?;
        Self::parse(&text).map_err(|error| error.within(path.display()))
    }

    /// The recipe as text in full, with all that it does not change: [`parse`](Self::parse) gives the same again.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a seed that TOML has no number for.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::usage(format!("the recipe cannot be written as TOML: {error}")))
    }

    /// Writes [`to_text`](Self::to_text) to a file, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = self.to_text()?;
        write_whole(path, |file| file.write_all(text.as_bytes()))
    }
}
