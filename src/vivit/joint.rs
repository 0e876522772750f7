//! Model 1: every token of the clip attends to every other (paper, section 3.3; spec §2.3).

use serde::{Deserialize, Serialize};

use super::Classifier;
use super::definition::Definition;
use super::encoder::{AttentionAxis, Encoder};
use super::naive::{Naive, Sequence};
use super::recorder::Recorder;
use crate::graph::Value;
use crate::tensor::Result;

/// Model 1, joint space-time attention:
///
/// ```text
/// tubelets ─ class token, positions ─ L × block ─ LayerNorm ─ pooling
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint;

impl Definition for Joint {
    fn usual_classifier(&self) -> Classifier {
        Classifier::Token
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let size = recorder.config.encoder();
        let output = recorder.encoder(Encoder::Clip, size, patches, |recorder, layer, x| {
            recorder.block(layer, &[(AttentionAxis::Whole, 0..size.heads)], x)
        })?;
        recorder.pool(Encoder::Clip, output)
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let output = naive.encoder(Encoder::Clip, config.layers, patches, |naive, _, path, x| {
            naive.block(path, config.encoder(), x, &|_, query, key| naive.through_time(query, key))
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
