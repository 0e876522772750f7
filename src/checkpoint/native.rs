//! This project's own files: `config.json`, marked `"format": "tubelet"`, and `model.safetensors` with the names and
//! layouts of [`Config::parameters`], for all four models.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arrays::Arrays;
use super::fit::{Convention, Fitted, Strays};
use super::format::Format;
use super::location::Location;
use super::reason::reason;
use super::stored::StoredFile;
use super::writing::{self, CONFIG, SAFETENSORS, SaveOptions};
use super::{Checkpoint, Described, Hints, LearntClips, PreprocessorFile, Provenance};
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};
use crate::video::shortened;
use crate::vivit::Config;

/// Names joined by dots as they are here.
pub(super) const FORMAT: Format = Format {
    recognises: |names| names.contains(&"embedding.kernel"),
    field: "format",
    owner: "this project's own",
    read_config,
    load,
    convention: |arrays, _| (arrays, Box::new(Canonical)),
};

/// What `format` says in `config.json`.
const MARK: &str = "tubelet";

/// `config.json`: what comes beside the fields of [`Config`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    format: String,
    /// Where the weights come from: it decides how clips are laid out and prepared.
    #[serde(rename = "family")]
    provenance: Provenance,
    /// The names of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    /// How the clips were taken that the model has learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learnt_clips: Option<LearntClips>,
    /// What the model's user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The data that the model has learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trained_on: Option<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    card: Card,
    #[serde(flatten)]
    config: &'a Config,
}

impl Card {
    /// The card and the configuration in `file`, checked.
    fn read(file: &StoredFile) -> Result<(Self, Config)> {
        let invalid = |reason: String| Error::file(format!("{}: {reason}", file.display()));
        let (mut card, config) = Self::parse(&file.text()?).map_err(|error| invalid(reason(&error)))?;
        let printed = card.labels.iter_mut().flatten().chain(&mut card.notes).chain(&mut card.trained_on);
        printed.for_each(|text| *text = printable(text, LONGEST_TEXT));
        if card.format != MARK {
            return Err(invalid(format!("format is \"{}\", but must be \"{MARK}\"", shortened(&card.format))));
        }
        config.validate().map_err(|error| invalid(error.to_string()))?;
        card.learnt_clips.map_or(Ok(()), |clips| clips.check(&config)).map_err(|error| invalid(error.to_string()))?;
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
        let own = |name: &str| ["format", "family", "labels", "learnt_clips", "notes", "trained_on"].contains(&name);
        let (card, config): (Map<_, _>, Map<_, _>) = fields.into_iter().partition(|(name, _)| own(name));
        Ok((Self::deserialize(Value::Object(card))?, Config::deserialize(Value::Object(config))?))
    }
}

fn read_config(file: &StoredFile) -> Result<Described> {
    let (card, config) = Card::read(file)?;
    Ok(Described { config, provenance: card.provenance, labels: card.labels, preprocessor: None })
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
    let (parameters, strays) =
        Fitted::new(arrays, Box::new(Canonical), config.parameters()?, Strays::Any).map_err(|(arrays, misfits)| {
            Error::file(format!(
                "{} does not fit {}: {}:\n  {}\nTake both from the same model.",
                arrays.path().display(),
                path.display(),
                misfits.census(),
                misfits.lines().join("\n  ")
            ))
        })?;
    let (preprocessor, note) = PreprocessorFile::find(&location)?;
    Ok(Checkpoint {
        provenance: card.provenance,
        config,
        parameters: std::sync::Arc::new(parameters),
        labels: card.labels,
        preprocessor,
        learnt_clips: card.learnt_clips,
        source: location.source,
        notes: [location.notes, card.notes, strays.into_iter().chain(note).collect()].concat(),
        trained_on: card.trained_on,
    })
}

/// Writes `checkpoint` into `folder`, which is made where it is missing: as `model.safetensors`, all floats of 32 bits,
/// and `config.json`, so that [`load`](super::load) gives back the same model, bit by bit; and the
/// `preprocessor_config.json` that came along.
///
/// Tensors are asked for and written one by one. All files are written beside their places and put there at the end,
/// the configuration last: what is in the folder is whole or not taken for a model.
///
/// ```no_run
/// let checkpoint = tubelet::checkpoint::load("vivit_base_16x2/checkpoint")?;
/// tubelet::checkpoint::save("vivit-b", &checkpoint, false)?;
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// A folder that holds a model already, unless `overwrite`; a disk that is full; a tensor that cannot be read.
pub fn save(folder: impl AsRef<Path>, checkpoint: &Checkpoint, overwrite: bool) -> Result<()> {
    save_with(folder, checkpoint, SaveOptions::new().overwrite(overwrite))
}

/// [`save`], with weights of the type that the options name; half the bytes in [`Element::F16`](crate::tensor::Element::F16).
///
/// ```no_run
/// use tubelet::checkpoint::{SaveOptions, load, save_with};
/// use tubelet::tensor::Element;
///
/// let checkpoint = load("vivit_base_16x2/checkpoint")?;
/// save_with("vivit-b-f16", &checkpoint, SaveOptions::new().element(Element::F16))?;
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// As [`save`]; and of kind [`Unsupported`](crate::tensor::ErrorKind::Unsupported), with the tensor's name, where a finite weight
/// is beyond the range of the type.
pub fn save_with(folder: impl AsRef<Path>, checkpoint: &Checkpoint, options: SaveOptions) -> Result<()> {
    let Checkpoint { provenance, labels, learnt_clips, notes, trained_on, config, preprocessor, .. } = checkpoint;
    let card = Card {
        format: MARK.into(),
        provenance: *provenance,
        labels: labels.clone(),
        learnt_clips: *learnt_clips,
        notes: notes.clone(),
        trained_on: trained_on.clone(),
    };
    let text = serde_json::to_string_pretty(&Written { card, config })
        .map_err(|error| Error::usage(format!("the configuration cannot be written as JSON: {error}")))?;
    writing::folder(folder.as_ref(), SAFETENSORS, &*checkpoint.parameters, &text, preprocessor.as_ref(), options)
}
