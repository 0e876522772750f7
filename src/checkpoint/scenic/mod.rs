//! Checkpoints of scenic, the original implementation: parameters in Flax's names and layouts, in a msgpack file or as
//! safetensors, and `config.json` where there is one.
//!
//! The sizes are those of the parameters; a configuration must agree with them, except about the depth of Model 2's
//! temporal encoder, where the released files differ from the published configurations.

mod config;
mod evidence;
mod reconciliation;
mod released;

use std::sync::Arc;

use super::arrays::Arrays;
use super::fit::{Convention, Fitted};
use super::flax::{FlaxLayout, ParameterTree};
use super::location::{Location, text};
use super::{Checkpoint, Family, Format, Hints};
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{Config, Model, ParameterSpec, Temporal};
use config::Said;
use evidence::Evidence;
use reconciliation::Reconciliation;

/// Names joined by `/`.
pub(super) const FORMAT: Format = Format { recognises: |names| names.iter().any(|name| name.contains('/')), load };

fn load(location: Location, arrays: Box<dyn Arrays>, hints: &Hints) -> Result<Checkpoint> {
    let tree = ParameterTree::of(arrays);
    let path = tree.path().to_owned();
    let found = Evidence::of(&tree)
        .map_err(|reason| Error::file(format!("{} holds no ViViT model of scenic: {reason}", path.display())))?;
    let config_path = location.find("config.json");
    let said = config_path.as_deref().map_or(Ok(Said::default()), config::read)?;
    let reconciliation =
        Reconciliation { weights: &path, config: config_path.as_deref(), found: &found, said: &said, hints };
    let (config, mut further) = reconciliation.model()?;
    let convention = Flax::of(&config);
    let parameters = Fitted::new(Box::new(tree), Box::new(convention), &config).map_err(|(_, misfits)| {
        Error::file(format!(
            "{} does not hold a whole model ({}): {}:\n  {}\nCopy or download it again.",
            path.display(),
            config.model,
            misfits.census(),
            misfits.lines().join("\n  ")
        ))
    })?;
    let mut notes = location.notes.clone();
    notes.append(&mut further);
    Ok(Checkpoint {
        family: Family::Scenic,
        config,
        parameters: Arc::new(parameters),
        labels: None,
        preprocessor: location.find("preprocessor_config.json").map(|path| text(&path)).transpose()?,
        source: location.source,
        notes,
    })
}

/// Flax's names and layouts.
#[derive(Debug)]
pub(super) struct Flax {
    /// Heads of the encoder, of Model 2 of the spatial one.
    heads: usize,
    /// Heads of Model 2's temporal encoder.
    temporal_heads: usize,
}

impl Flax {
    /// Those of a model whose encoder has that many `heads`.
    pub(super) fn with_heads(heads: usize) -> Self {
        Self { heads, temporal_heads: heads }
    }

    fn of(config: &Config) -> Self {
        let temporal_heads = match config.model {
            Model::FactorisedEncoder(model) => match model.temporal {
                Temporal::Encoder(size) => size.heads,
                Temporal::Mean => config.heads,
            },
            _ => config.heads,
        };
        Self { heads: config.heads, temporal_heads }
    }
}

impl Convention for Flax {
    fn stored(&self, name: &str) -> String {
        name.replace('.', "/")
    }

    fn shape(&self, spec: &ParameterSpec) -> Shape {
        let temporal = spec.name.starts_with("TemporalTransformer.");
        let heads = if temporal { self.temporal_heads } else { self.heads };
        FlaxLayout::of(&spec.name).flax_shape(&spec.shape, heads)
    }

    fn restored(&self, name: &str, array: Tensor) -> Result<Tensor> {
        FlaxLayout::of(name).restored(array)
    }
}
