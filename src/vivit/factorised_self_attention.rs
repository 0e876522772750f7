//! Model 3: each block attends over the tokens of a temporal index, then over the temporal indices of a position
//! (paper, section 3.3, equations 4 to 6; spec §2.5).

use serde::{Deserialize, Serialize};

use super::Config;
use super::counterpart::Counterpart;
use super::definition::{Definition, Untold};
use super::encoder::{AttentionAxis, Encoder, Layer};
use super::naive::{Naive, Sequence};
use super::recorder::Recorder;
use super::validation::pooled_only;
use crate::graph::Value;
use crate::tensor::Result;

/// Model 3, factorised self-attention:
///
/// ```text
/// tubelets ─ positions ─ L × (attention over space ─ attention over time ─ MLP) ─ LayerNorm ─ pooling
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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

impl FactorisedSelfAttention {
    /// Which attention comes first.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    fn axes(self) -> [AttentionAxis; 2] {
        match self.order {
            Order::SpaceTime => [AttentionAxis::Space, AttentionAxis::Time],
            Order::TimeSpace => [AttentionAxis::Time, AttentionAxis::Space],
        }
    }

    fn block(self, recorder: &mut Recorder<'_>, layer: Layer, mut x: Value) -> Result<Value> {
        for axis in self.axes() {
            let name = axis.name();
            let modules = [format!("LayerNorm_{name}"), format!("MultiHeadDotProductAttention_{name}")];
            let heads = 0..layer.size.heads;
            x = recorder.attend(layer.over(axis), [&modules[0], &modules[1]], &[(axis, heads)], x)?;
        }
        recorder.mlp(layer, ["LayerNorm_mlp", "MlpBlock"], x)
    }
}

impl Definition for FactorisedSelfAttention {
    fn validate(&self, config: &Config) -> Result<()> {
        pooled_only("factorised self-attention", config.classifier)
    }

    fn branches(&self) -> usize {
        3
    }

    fn is_never_shortened(&self) -> bool {
        true
    }

    fn untold(&self) -> Option<Untold> {
        Some(Untold { name: "order", values: &["space_time", "time_space"], meaning: "which attention comes first" })
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

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let block = |recorder: &mut Recorder<'_>, layer, x| self.block(recorder, layer, x);
        let output = recorder.encoder(Encoder::Clip, recorder.config.encoder(), patches, block)?;
        recorder.pool(Encoder::Clip, output)
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let output = naive.encoder(Encoder::Clip, config.layers, patches, |naive, _, path, x| {
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
