//! Checkpoints of the `transformers` library: `config.json` and `model.safetensors`, whole or in shards.

mod config;
mod evidence;
mod names;
mod writing;

pub use writing::{save_hugging_face, save_hugging_face_with};

use super::arrays::Arrays;
use super::fit::{Convention, Fitted, Strays};
use super::format::{Called, Format, Usage};
use super::location::Location;
use super::misfits::Misfits;
use super::stored::StoredFile;
use super::{Checkpoint, Described, Hints, PreprocessorFile, Provenance};
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result};
use crate::video::Preset;
use crate::vivit::{Config, Labelling};
pub(super) use config::{ImageSize, gelu};
use evidence::Evidence;
pub(super) use names::Spelling;
use names::unused;
pub(super) use writing::preprocessor;

/// Names joined by dots.
pub(super) const FORMAT: Format = Format {
    recognises: |names| names.iter().all(|name| !name.contains('/')),
    field: "model_type",
    owner: "transformers",
    read_config,
    load,
    convention,
};

pub(super) const USAGE: Usage = Usage { name: "Hugging Face", layout: ClipLayout::Btchw, preset: Preset::HfCorrected };

fn convention(arrays: Box<dyn Arrays>, _config: &Config) -> Called {
    let spelling = Spelling::of(arrays.names().into_iter());
    (arrays, Box::new(spelling))
}

fn read_config(file: &StoredFile) -> Result<Described> {
    let found = config::read(file)?;
    let provenance = Provenance::HuggingFace;
    Ok(Described { config: found.config, provenance, labels: found.labels, preprocessor: None })
}

/// Loads the checkpoint whose files lie at `location`, with its weights in `arrays`. These files leave nothing open that
/// a hint could tell.
fn load(location: Location, arrays: Box<dyn Arrays>, _hints: &Hints) -> Result<Checkpoint> {
    let config_path = location.find("config.json").ok_or_else(|| {
        Error::file(format!("{} holds no config.json, so it is not the folder of a model", location.describe()))
    })?;
    let described = config::read(&config_path)?;
    let mut notes = location.notes.clone();
    let (config, labels) = if bare(&arrays.names(), described.classifies) {
        notes.push("the checkpoint has no classifier: it gives features, but no classes".into());
        (Config { classes: 0, labelling: Labelling::Single, ..described.config }, None)
    } else {
        if described.classes_assumed {
            notes.push(format!(
                "{} has neither id2label nor num_labels: {} classes are assumed",
                config_path.display(),
                config::DEFAULT_CLASSES
            ));
        }
        (described.config, described.labels)
    };
    let spelling = Spelling::of(arrays.names().into_iter());
    let (parameters, note) =
        Fitted::new(arrays, Box::new(spelling), config.parameters()?, Strays::Any).map_err(|(arrays, misfits)| {
            let context = format!("{} does not fit {}", arrays.path().display(), config_path.display());
            refusal(&context, &*arrays, spelling, &config, &misfits)
        })?;
    notes.extend(note);
    let (preprocessor, note) = PreprocessorFile::find(&location)?;
    notes.extend(note);
    Ok(Checkpoint {
        provenance: Provenance::HuggingFace,
        config,
        parameters: std::sync::Arc::new(parameters),
        labels,
        preprocessor,
        learnt_clips: None,
        source: location.source,
        notes,
        trained_on: None,
    })
}

/// Whether the weights called `names` are those of the encoder alone, saved without a classifier: by names without a
/// prefix, or where nobody says that the model `classifies`.
fn bare(names: &[&str], classifies: bool) -> bool {
    let has = |start: &str| names.iter().any(|name| name.starts_with(start));
    let encoder = has("embeddings.") || (!classifies && has("vivit.embeddings."));
    encoder && !has("classifier.")
}

impl Convention for Spelling {
    fn stored(&self, name: &str) -> String {
        Spelling::stored(*self, name)
    }

    fn accepted(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = Spelling::ALL.map(|spelling| spelling.stored(name)).into();
        names.dedup();
        names
    }

    fn unused(&self, stored: &str) -> bool {
        unused(stored)
    }
}

/// The cause, all that does not fit, and what to do.
fn refusal(context: &str, arrays: &dyn Arrays, spelling: Spelling, config: &Config, misfits: &Misfits) -> Error {
    let shape = |name: &str| {
        let accepted = Convention::accepted(&spelling, name);
        accepted.iter().rev().find_map(|stored| arrays.shape(stored))
    };
    let evidence = Evidence { names: arrays.names(), spelling, shape };
    let (cause, remedy) = match evidence.against(config) {
        Some(disagreement) => (format!(", which {disagreement}"), "Correct config.json, or take"),
        None if misfits.are_all_unexpected() => (
            format!(": {}", misfits.census()),
            "These are parts of a model that computes something else than ViViT. Take",
        ),
        None => (format!(": {}", misfits.census()), "Download the weights again, or take"),
    };
    Error::file(format!(
        "{context}{cause}:\n  {}\n{remedy} config.json and the weights from the same model.",
        misfits.lines().join("\n  ")
    ))
}
