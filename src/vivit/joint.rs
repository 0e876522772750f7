//! Model 1: every token of the clip attends to every other (paper, section 3.3; spec §2.3).

use serde::{Deserialize, Serialize};

use super::encoder::{self, Encoder};
use super::model::Definition;
use super::naive::{Naive, Sequence};
use super::parameters::Specs;
use super::recording::{Attending, Axis, Recorder, Scope};
use super::{Classifier, Config, work};
use crate::graph::Value;
use crate::kernels::attention::Sequences;
use crate::tensor::Result;

/// Model 1, joint space-time attention:
///
/// ```text
/// tubelets ─ class token, positions ─ L × block ─ LayerNorm ─ pooling
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint;

const ENCODER: &str = "Transformer";
const CLASS_TOKEN: &str = "cls";

impl Definition for Joint {
    fn validate(&self, _: &Config) -> Result<()> {
        Ok(())
    }

    fn usual_classifier(&self) -> Classifier {
        Classifier::Token
    }

    fn parameters(&self, config: &Config, specs: &mut Specs) {
        specs.class_token(config, CLASS_TOKEN);
        specs.encoder(ENCODER, config.width, config.sequence(), config.layers, |specs, path| {
            specs.block(path, config, config.encoder());
        });
    }

    fn multiply_accumulates(&self, config: &Config) -> u64 {
        let (n, c) = (config.sequence(), config.width);
        let block = work::projections(n, c) + work::attention(n, n, c) + work::mlp(n, c, config.hidden);
        config.layers as u64 * block
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let config = recorder.config;
        let spatial = config.grid().spatial();
        let encoder = Encoder::new(ENCODER, "", Scope::Clip, config.sequence(), config.encoder());
        let mut x = recorder.embeddings(&encoder, CLASS_TOKEN, patches, recorder.batch)?;
        let attending = Attending {
            name: "",
            axis: Axis::Whole,
            heads: 0..config.heads,
            sequences: Sequences::joint(recorder.batch, config.sequence()),
            mask: recorder.mask(usize::from(config.class_token()), spatial),
        };
        for index in 0..config.layers {
            x = encoder::block(recorder, &encoder.layer(index), std::slice::from_ref(&attending), x)?;
        }
        let output = recorder.encoder_norm(&encoder, x)?;
        recorder.pool_clips(output, spatial)
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let tokens = naive.with_class_token("cls", patches)?;
        let output = naive.encoder(["Transformer", ""], config.layers, tokens, |naive, path, x| {
            naive.block(path, config.encoder(), x, &|_, query, key| naive.through_time(query, key))
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
