//! A configuration without weights, for a model that is yet to be made.

use std::path::Path;

use super::location::Location;
use super::stored::StoredFile;
use super::{Family, PreprocessorFile, huggingface, native, scenic};
use crate::tensor::{Error, Result};
use crate::video::Fields;
use crate::vivit::Config;

/// What a `config.json` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The model.
    pub config: Config,
    /// Whose file it is.
    pub family: Family,
    /// The names of the classes, in order, where they are given.
    pub labels: Option<Vec<String>>,
    /// How clips are prepared, where a file beside it says so.
    pub preprocessor: Option<PreprocessorFile>,
}

/// Reads the `config.json` at `path`, or in the folder there: scenic's, that of the `transformers` library or this
/// project's own.
///
/// # Errors
///
/// A file of something else, and fields that are missing or make no sense, each by its name.
pub fn read_config(path: &Path) -> Result<Described> {
    let path = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
    let file = StoredFile::on_disk(&path);
    let fields =
        Fields::parse(&file.text()?).map_err(|instead| Error::file(format!("{} is {instead}", path.display())))?;
    let has = |name: &str| fields.get(name, "", None::<serde_json::Value>).is_ok_and(|value| value.is_some());
    let (config, family, labels) = if has("format") {
        native::read_config(&file)?
    } else if has("model_type") {
        let (config, labels) = huggingface::read_config(&file)?;
        (config, Family::HuggingFace, labels)
    } else if has("model") {
        (scenic::read_config(&file)?, Family::Scenic, None)
    } else {
        return Err(Error::file(format!(
            "{} describes no ViViT model: it has neither format (this project's own), model_type (transformers) nor \
             model (scenic)",
            path.display()
        )));
    };
    let (preprocessor, _) = PreprocessorFile::find(&Location::file(&path))?;
    Ok(Described { config, family, labels, preprocessor })
}
