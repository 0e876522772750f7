//! Checkpoints of the `transformers` library: `config.json` and `model.safetensors`, whole or in shards.

mod config;
mod disagreements;
mod misfits;
mod names;
mod weights;

#[cfg(feature = "hub")]
pub(super) use weights::{INDEX, WHOLE, shards};
pub(super) use weights::{Pickled, complete, pickled};

use super::location::{Location, text};
use super::{Checkpoint, Family};
use crate::tensor::{Error, Result};
use crate::vivit::Config;
use weights::{WeightFiles, Weights};

/// Loads the checkpoint whose files lie at `location`.
pub(super) fn load(location: Location) -> Result<Checkpoint> {
    let config_path = location.find("config.json").ok_or_else(|| {
        Error::file(format!("{} holds no config.json, so it is not the folder of a model", location.describe()))
    })?;
    let described = config::read(&config_path)?;
    let files = WeightFiles::open(&location)?;
    let mut notes = location.notes.clone();
    let (config, labels) = if files.bare(described.classifies) {
        notes.push("the checkpoint has no classifier: it gives features, but no classes".into());
        (Config { classes: 0, ..described.config }, None)
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
    let parameters = Weights::fit(files, &config, &config_path)?;
    let preprocessor = location.find("preprocessor_config.json").map(|path| text(&path)).transpose()?;
    Ok(Checkpoint {
        family: Family::HuggingFace,
        config,
        parameters: std::sync::Arc::new(parameters),
        labels,
        preprocessor,
        source: location.source,
        notes,
    })
}
