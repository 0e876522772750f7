//! Model 3: each block attends over the tokens of a temporal index, then over the temporal indices of a position
//! (paper, section 3.3, equations 4 to 6; spec §2.5).

use serde::{Deserialize, Serialize};

use super::encoder::{self, Encoder, Layer};
use super::initialise::Counterpart;
use super::model::Definition;
use super::naive::{Naive, Sequence};
use super::parameters::Specs;
use super::recording::{Attending, Axis, Recorder, Scope};
use super::validation::pooled_only;
use super::{Config, work};
use crate::graph::Value;
use crate::kernels::attention::{Mask, Sequences};
use crate::tensor::Result;

/// Model 3, factorised self-attention:
///
/// ```text
/// tubelets ─ positions ─ L × (attention over space ─ attention over time ─ MLP) ─ LayerNorm ─ pooling
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorisedSelfAttention {
    /// Which attention comes first.
    pub order: Order,
}

/// Which attention comes first in a block of Model 3. Both orders have the same parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Space, as in the paper.
    #[default]
    SpaceTime,
    /// Time.
    TimeSpace,
}

const ENCODER: &str = "Transformer";

impl FactorisedSelfAttention {
    fn axes(self) -> [Axis; 2] {
        match self.order {
            Order::SpaceTime => [Axis::Space, Axis::Time],
            Order::TimeSpace => [Axis::Time, Axis::Space],
        }
    }

    fn block(self, recorder: &mut Recorder<'_>, layer: &Layer, mut x: Value) -> Result<Value> {
        for axis in self.axes() {
            x = attend(recorder, layer, axis, x)?;
        }
        let normed = recorder.layer_norm(&layer.parameter("LayerNorm_mlp"), x, &layer.tap("layernorm_after"))?;
        recorder.mlp(layer, &layer.parameter("MlpBlock"), normed, x)
    }
}

/// x + attention over one axis.
fn attend(recorder: &mut Recorder<'_>, layer: &Layer, axis: Axis, x: Value) -> Result<Value> {
    let config = recorder.config;
    let grid = config.grid();
    let sequences = match axis {
        Axis::Time => Sequences::temporal(recorder.batch, grid.temporal, grid.spatial()),
        _ => Sequences::spatial(recorder.batch, grid.temporal, grid.spatial()),
    };
    let mask = match axis {
        Axis::Time => recorder.mask(0, 1),
        _ => Mask::NONE,
    };
    let name = axis.name();
    let attending = [Attending { name: "", axis, heads: 0..config.heads, sequences, mask }];
    let norm = format!("LayerNorm_{name}");
    let attention = format!("MultiHeadDotProductAttention_{name}");
    encoder::attend(recorder, &layer.within(name), [&norm, &attention], &attending, x)
}

impl Definition for FactorisedSelfAttention {
    fn validate(&self, config: &Config) -> Result<()> {
        pooled_only("factorised self-attention", config.classifier)
    }

    fn parameters(&self, config: &Config, specs: &mut Specs) {
        specs.encoder(ENCODER, config.width, config.tokens(), config.layers, |specs, path| {
            for axis in self.axes() {
                let name = axis.name();
                specs.layer_norm(&format!("{path}.LayerNorm_{name}"), config.width);
                specs.attention(&format!("{path}.MultiHeadDotProductAttention_{name}"), config);
            }
            specs.layer_norm(&format!("{path}.LayerNorm_mlp"), config.width);
            specs.mlp(&format!("{path}.MlpBlock"), config.width, config.hidden);
        });
    }

    /// A block's attention over space and its MLP are an image model's; the LayerNorm before the attention over time
    /// has none.
    fn counterpart(&self, name: &str) -> Counterpart {
        let image = |from, to| Counterpart::Named(name.replace(from, to));
        match name.split('.').nth(2) {
            Some("LayerNorm_space") => image("LayerNorm_space", "LayerNorm_0"),
            Some("LayerNorm_time") => Counterpart::Nothing,
            Some("LayerNorm_mlp") => image("LayerNorm_mlp", "LayerNorm_1"),
            Some("MlpBlock") => image("MlpBlock", "MlpBlock_0"),
            Some("MultiHeadDotProductAttention_space") => image("Attention_space", "Attention_0"),
            Some("MultiHeadDotProductAttention_time") => {
                Counterpart::Temporal(name.replace("Attention_time", "Attention_0"))
            }
            _ => Counterpart::Named(name.to_owned()),
        }
    }

    fn multiply_accumulates(&self, config: &Config) -> u64 {
        let (grid, n, c) = (config.grid(), config.tokens(), config.width);
        let attention = work::attention(n, grid.spatial(), c) + work::attention(n, grid.temporal, c);
        let block = 2 * work::projections(n, c) + attention + work::mlp(n, c, config.hidden);
        config.layers as u64 * block
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let config = recorder.config;
        let encoder = Encoder::new(ENCODER, "", Scope::Clip, config.tokens(), config.encoder());
        let mut x = recorder.embeddings(&encoder, "", patches, recorder.batch)?;
        for index in 0..config.layers {
            x = self.block(recorder, &encoder.layer(index), x)?;
        }
        let output = recorder.encoder_norm(&encoder, x)?;
        recorder.pool_clips(output, config.grid().spatial())
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let output = naive.encoder(["Transformer", ""], config.layers, patches, |naive, path, x| {
            let space = |x: &mut Sequence| {
                let modules = [path, "LayerNorm_space", "MultiHeadDotProductAttention_space"];
                naive.attend(modules, config.heads, x, &|_, query, key| naive.over_space(query, key))
            };
            let time = |x: &mut Sequence| {
                let modules = [path, "LayerNorm_time", "MultiHeadDotProductAttention_time"];
                naive.attend(modules, config.heads, x, &|_, query, key| naive.over_time(query, key))
            };
            match self.order {
                Order::SpaceTime => space(x).and_then(|()| time(x))?,
                Order::TimeSpace => time(x).and_then(|()| space(x))?,
            }
            naive.mlp([path, "LayerNorm_mlp", "MlpBlock"], config.hidden, x)
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
