//! Model 4: half of the heads attend over the temporal indices of a position, half over the tokens of a temporal index
//! (paper, section 3.3; spec §2.6).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Config;
use super::definition::Definition;
use super::encoder::{AttentionAxis, Encoder};
use super::naive::{Naive, Sequence};
use super::recorder::Recorder;
use super::validation::pooled_only;
use crate::graph::Value;
use crate::tensor::{Error, Result};

/// Model 4, factorised dot-product attention:
///
/// ```text
/// tubelets ─ positions ─ L × block, its heads over time or over space ─ LayerNorm ─ pooling
/// ```
///
/// It has the parameters of Model 1 without a class token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FactorisedDotProduct {
    /// Which half of the heads is which.
    pub heads: HeadOrder,
}

/// Which half of Model 4's heads attends over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadOrder {
    /// The first, as in the original implementation and its weights.
    #[default]
    TemporalFirst,
    /// The second, as the paper writes it.
    SpatialFirst,
}

impl FactorisedDotProduct {
    /// Which half of the heads is which.
    #[must_use]
    pub fn heads(self, heads: HeadOrder) -> Self {
        Self { heads, ..self }
    }

    /// Which of `heads` heads attend over what.
    fn divided(self, heads: usize) -> [(AttentionAxis, Range<usize>); 2] {
        let (first, second) = (0..heads / 2, heads / 2..heads);
        match self.heads {
            HeadOrder::TemporalFirst => [(AttentionAxis::Time, first), (AttentionAxis::Space, second)],
            HeadOrder::SpatialFirst => [(AttentionAxis::Time, second), (AttentionAxis::Space, first)],
        }
    }
}

impl Definition for FactorisedDotProduct {
    fn validate(&self, config: &Config) -> Result<()> {
        if !config.heads.is_multiple_of(2) {
            return Err(Error::usage(format!(
                "{} heads cannot be halved: factorised dot-product attention needs an even number",
                config.heads
            )));
        }
        pooled_only("factorised dot-product attention", config.classifier)
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let size = recorder.config.encoder();
        let output = recorder.encoder(Encoder::Clip, size, patches, |recorder, layer, x| {
            recorder.block(layer, &self.divided(size.heads), x)
        })?;
        recorder.pool(Encoder::Clip, output)
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let output = naive.encoder(Encoder::Clip, config.layers, patches, |naive, _, path, x| {
            naive.block(path, config.encoder(), x, &|head, query, key| match (self.heads, 2 * head < config.heads) {
                (HeadOrder::TemporalFirst, true) | (HeadOrder::SpatialFirst, false) => naive.over_time(query, key),
                (HeadOrder::TemporalFirst, false) | (HeadOrder::SpatialFirst, true) => naive.over_space(query, key),
            })
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
