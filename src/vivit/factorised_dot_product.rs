//! Model 4: half of the heads attend over the temporal indices of a position, half over the tokens of a temporal index
//! (paper, section 3.3; spec §2.6).

use serde::{Deserialize, Serialize};

use super::encoder::{self, Encoder};
use super::model::Definition;
use super::naive::{Naive, Sequence};
use super::parameters::Specs;
use super::recording::{Attending, Axis, Recorder, Scope};
use super::validation::pooled_only;
use super::{Config, work};
use crate::graph::Value;
use crate::kernels::attention::{Mask, Sequences};
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

const ENCODER: &str = "Transformer";

impl FactorisedDotProduct {
    fn attending(self, recorder: &Recorder<'_>) -> [Attending; 2] {
        let config = recorder.config;
        let (batch, grid, half) = (recorder.batch, config.grid(), config.heads / 2);
        let (over_time, over_space) = match self.heads {
            HeadOrder::TemporalFirst => (0..half, half..config.heads),
            HeadOrder::SpatialFirst => (half..config.heads, 0..half),
        };
        [
            Attending {
                name: "time.",
                axis: Axis::Time,
                heads: over_time,
                sequences: Sequences::temporal(batch, grid.temporal, grid.spatial()),
                mask: recorder.mask(0, 1),
            },
            Attending {
                name: "space.",
                axis: Axis::Space,
                heads: over_space,
                sequences: Sequences::spatial(batch, grid.temporal, grid.spatial()),
                mask: Mask::NONE,
            },
        ]
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

    fn parameters(&self, config: &Config, specs: &mut Specs) {
        specs.encoder(ENCODER, config.width, config.tokens(), config.layers, |specs, path| {
            specs.block(path, config, config.encoder());
        });
    }

    fn multiply_accumulates(&self, config: &Config) -> u64 {
        let (grid, n, c) = (config.grid(), config.tokens(), config.width);
        let attention = work::attention(n, grid.temporal, c / 2) + work::attention(n, grid.spatial(), c / 2);
        let block = work::projections(n, c) + attention + work::mlp(n, c, config.hidden);
        config.layers as u64 * block
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let config = recorder.config;
        let encoder = Encoder::new(ENCODER, "", Scope::Clip, config.tokens(), config.encoder());
        let mut x = recorder.embeddings(&encoder, "", patches, recorder.batch)?;
        let attending = self.attending(recorder);
        for index in 0..config.layers {
            x = encoder::block(recorder, &encoder.layer(index), &attending, x)?;
        }
        let output = recorder.encoder_norm(&encoder, x)?;
        recorder.pool_clips(output, config.grid().spatial())
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let output = naive.encoder(["Transformer", ""], config.layers, patches, |naive, path, x| {
            naive.block(path, config.encoder(), x, &|head, query, key| match (self.heads, 2 * head < config.heads) {
                (HeadOrder::TemporalFirst, true) | (HeadOrder::SpatialFirst, false) => naive.over_time(query, key),
                (HeadOrder::TemporalFirst, false) | (HeadOrder::SpatialFirst, true) => naive.over_space(query, key),
            })
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
