//! A configuration without weights, for a model that is yet to be made.

use std::path::Path;

use super::location::Location;
use super::stored::StoredFile;
use super::{FORMATS, PreprocessorFile, Provenance};
use crate::tensor::{Error, Result};
use crate::video::Fields;
use crate::vivit::Config;

/// What a `config.json` says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Described {
    /// The model.
    pub config: Config,
    /// Where the model's weights come from, or seem to.
    pub provenance: Provenance,
    /// The names of the classes, in order, where they are given.
    pub labels: Option<Vec<String>>,
    /// How clips are prepared, where a file beside it says so.
    pub preprocessor: Option<PreprocessorFile>,
}

impl Described {
    /// A model of this provenance, without names of classes.
    pub fn new(config: Config, provenance: Provenance) -> Self {
        Self { config, provenance, labels: None, preprocessor: None }
    }
}

/// Reads the `config.json` at `path`, or in the folder there, in any format: scenic's, that of the `transformers` library or
/// this project's own.
///
/// # Errors
///
/// A file of something else, and fields that are missing or make no sense, each by its name.
pub fn read_config(path: impl AsRef<Path>) -> Result<Described> {
    let path = path.as_ref();
    let path = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
    let file = StoredFile::on_disk(&path);
    let fields =
        Fields::parse(&file.text()?).map_err(|instead| Error::file(format!("{} is {instead}", path.display())))?;
    let has = |name: &str| fields.get(name, "", None::<serde_json::Value>).is_ok_and(|value| value.is_some());
    let Some(format) = FORMATS.iter().find(|format| has(format.field)) else {
        let known: Vec<_> = FORMATS.iter().map(|format| format!("{} ({})", format.field, format.owner)).collect();
        let path = path.display();
        return Err(Error::file(format!("{path} describes no ViViT model: it has none of {}", known.join(", "))));
    };
    let described = (format.read_config)(&file)?;
    let (preprocessor, _) = PreprocessorFile::find(&Location::file(&path))?;
    Ok(Described { preprocessor, ..described })
}
