//! This project's own files: `config.json`, marked `"format": "tubelet"`, and `model.safetensors` with the names and
//! layouts of [`Config::parameters`], for all four models.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arrays::Arrays;
use super::fit::{Convention, Fitted};
use super::location::{Location, text};
use super::weights::WHOLE;
use super::writing::{self, Unfinished};
use super::{Checkpoint, Family, Format, Hints};
use crate::tensor::{Error, Result};
use crate::vivit::Config;

/// Names joined by dots as they are here.
pub(super) const FORMAT: Format = Format {
    recognises: |names| names.contains(&"embedding.kernel"),
    load,
    convention: |arrays, _| (arrays, Box::new(Canonical)),
};

const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
/// What `format` says in `config.json`.
const MARK: &str = "tubelet";

/// `config.json`: what comes beside the fields of [`Config`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    format: String,
    /// Whose weights they were: it decides how clips are laid out and prepared.
    family: Family,
    /// The names of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    /// What the model's user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    card: Card,
    #[serde(flatten)]
    config: &'a Config,
}

impl Card {
    /// The card and the configuration in the file at `path`, checked.
    fn read(path: &Path) -> Result<(Self, Config)> {
        let invalid = |reason: String| Error::file(format!("{}: {reason}", path.display()));
        let (card, config) = Self::parse(&text(path)?).map_err(|error| invalid(error.to_string()))?;
        if card.format != MARK {
            return Err(invalid(format!("format is {:?}, but must be {MARK:?}", card.format)));
        }
        config.validate().map_err(|error| invalid(error.to_string()))?;
        match &card.labels {
            Some(labels) if labels.len() != config.classes => {
                Err(invalid(format!("there are {} labels for {} classes", labels.len(), config.classes)))
            }
            _ => Ok((card, config)),
        }
    }

    /// The card and the configuration in the text of a `config.json`.
    fn parse(text: &str) -> Result<(Self, Config), serde_json::Error> {
        let fields: Map<String, Value> = serde_json::from_str(text)?;
        let own = |name: &str| ["format", "family", "labels", "notes"].contains(&name);
        let (card, config): (Map<_, _>, Map<_, _>) = fields.into_iter().partition(|(name, _)| own(name));
        Ok((Self::deserialize(Value::Object(card))?, Config::deserialize(Value::Object(config))?))
    }
}

/// The model that the `config.json` at `path` describes, whose weights it had, and the names of its classes.
pub(super) fn read_config(path: &Path) -> Result<(Config, Family, Option<Vec<String>>)> {
    let (card, config) = Card::read(path)?;
    Ok((config, card.family, card.labels))
}

/// The names of the tensors, as they are.
#[derive(Debug)]
struct Canonical;

impl Convention for Canonical {
    fn stored(&self, name: &str) -> String {
        name.to_owned()
    }
}

fn load(location: Location, arrays: Box<dyn Arrays>, _hints: &Hints) -> Result<Checkpoint> {
    let path = location.find(CONFIG).ok_or_else(|| {
        Error::file(format!("{} holds no {CONFIG}, which says what model the weights are of", location.describe()))
    })?;
    let (card, config) = Card::read(&path)?;
    let parameters = Fitted::new(arrays, Box::new(Canonical), &config).map_err(|(arrays, misfits)| {
        Error::file(format!(
            "{} does not fit {}: {}:\n  {}\nTake both from the same model.",
            arrays.path().display(),
            path.display(),
            misfits.census(),
            misfits.lines().join("\n  ")
        ))
    })?;
    let preprocessor = location.find(PREPROCESSOR).map(|path| text(&path)).transpose()?;
    Ok(Checkpoint {
        family: card.family,
        config,
        parameters: std::sync::Arc::new(parameters),
        labels: card.labels,
        preprocessor,
        source: location.source,
        notes: [location.notes, card.notes].concat(),
    })
}

/// Writes `checkpoint` into `folder`, which is made where it is missing: as `model.safetensors`, all floats of 32 bits,
/// and `config.json`, so that [`load`](super::load) gives back the same model, bit by bit; and the
/// `preprocessor_config.json` that came along.
///
/// Tensors are asked for and written one by one. All files are written beside their places and put there at the end,
/// the configuration last: what is in the folder is whole or not taken for a model.
///
/// # Errors
///
/// A folder that holds a model already, unless `overwrite`; a disk that is full; a tensor that cannot be read.
pub fn save(folder: &Path, checkpoint: &Checkpoint, overwrite: bool) -> Result<()> {
    let places = [WHOLE, CONFIG, PREPROCESSOR].map(|name| folder.join(name));
    if !overwrite && let Some(present) = places.iter().find(|place| place.exists()) {
        return Err(Error::usage(format!(
            "{} is there already: name another folder, or overwrite it with --force",
            present.display()
        )));
    }
    let missing = !folder.exists();
    if missing {
        std::fs::create_dir(folder).map_err(|error| Error::io("make the folder", folder, &error))?;
    }
    let written = write(&places, checkpoint);
    if written.is_err() && missing {
        // Only where nothing is left in it.
        let _ = std::fs::remove_dir(folder);
    }
    written
}

fn write([weights, config, preprocessor]: &[std::path::PathBuf; 3], checkpoint: &Checkpoint) -> Result<()> {
    let Checkpoint { family, labels, notes, .. } = checkpoint;
    let card = Card { format: MARK.into(), family: *family, labels: labels.clone(), notes: notes.clone() };
    let text = serde_json::to_string_pretty(&Written { card, config: &checkpoint.config })
        .map_err(|error| Error::usage(format!("the configuration cannot be written as JSON: {error}")))?;
    let new_weights = writing::safetensors(weights, &*checkpoint.parameters)?;
    let new_config = whole(config, &(text + "\n"))?;
    let new_preprocessor = checkpoint.preprocessor.as_ref().map(|text| whole(preprocessor, text)).transpose()?;
    for old in [config, preprocessor].into_iter().filter(|old| old.exists()) {
        std::fs::remove_file(old).map_err(|error| Error::io("replace", old, &error))?;
    }
    new_weights.put()?;
    new_preprocessor.map_or(Ok(()), writing::Finished::put)?;
    new_config.put()
}

/// A file of `text`.
fn whole(place: &Path, text: &str) -> Result<writing::Finished> {
    let mut file = Unfinished::create(place)?;
    file.write(text.as_bytes())?;
    file.finish()
}
