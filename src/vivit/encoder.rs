//! Encoders and their blocks, which the models put together in different ways.

use super::EncoderSize;
use super::recording::{Attending, Recorder, Scope};
use crate::graph::Value;
use crate::tensor::Result;

/// An encoder's place in a model: where its parameters are and how its values are called.
pub(super) struct Encoder<'a> {
    /// Path of its parameters.
    pub path: &'a str,
    /// What the names of its values begin with.
    pub stage: &'a str,
    pub scope: Scope,
    /// Tokens of a sequence, the class token included.
    pub tokens: usize,
    pub size: EncoderSize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(path: &'a str, stage: &'a str, scope: Scope, tokens: usize, size: EncoderSize) -> Self {
        Self { path, stage, scope, tokens, size }
    }

    /// The name of one of its values.
    pub(super) fn tap(&self, name: &str) -> String {
        format!("{}{name}", self.stage)
    }

    /// Its block at `index`, from 0.
    pub(super) fn layer(&self, index: usize) -> Layer {
        let path = format!("{}.encoderblock_{index}", self.path);
        let stage = self.stage.to_owned();
        Layer { path, encoder: stage.clone(), stage, scope: self.scope, tokens: self.tokens, index, size: self.size }
    }
}

/// A block's place in a model.
pub(super) struct Layer {
    path: String,
    encoder: String,
    stage: String,
    pub scope: Scope,
    /// Tokens of a sequence of the encoder, the class token included.
    pub tokens: usize,
    /// From 0.
    pub index: usize,
    pub size: EncoderSize,
}

impl Layer {
    /// The path of one of its modules.
    pub(super) fn parameter(&self, module: &str) -> String {
        format!("{}.{module}", self.path)
    }

    /// The name of one of its values.
    pub(super) fn tap(&self, name: &str) -> String {
        format!("{}{name}.{}", self.stage, self.index)
    }

    /// The name of its output.
    pub(super) fn output(&self) -> String {
        format!("{}hidden_state.{}", self.stage, self.index + 1)
    }

    /// What the names of its encoder's values begin with.
    pub(super) fn encoder(&self) -> &str {
        &self.encoder
    }

    /// What its values' names begin with.
    pub(super) fn stage(&self) -> &str {
        &self.stage
    }

    /// One of several attentions in this block.
    pub(super) fn within(&self, name: &str) -> Self {
        let stage = format!("{}{name}.", self.stage);
        Self { path: self.path.clone(), encoder: self.encoder.clone(), stage, ..*self }
    }
}

/// One pre-norm block: x + attention, then x + MLP (paper, equations 2 and 3; spec §2.1).
pub(super) fn block(recorder: &mut Recorder<'_>, layer: &Layer, attending: &[Attending], x: Value) -> Result<Value> {
    let x = attend(recorder, layer, ["LayerNorm_0", "MultiHeadDotProductAttention_0"], attending, x)?;
    let normed = recorder.layer_norm(&layer.parameter("LayerNorm_1"), x, &layer.tap("layernorm_after"))?;
    recorder.mlp(layer, &layer.parameter("MlpBlock_0"), normed, x)
}

/// x + attention of its LayerNorm, each with the parameters of that module.
pub(super) fn attend(
    recorder: &mut Recorder<'_>,
    layer: &Layer,
    [norm, attention]: [&str; 2],
    attending: &[Attending],
    x: Value,
) -> Result<Value> {
    let normed = recorder.layer_norm(&layer.parameter(norm), x, &layer.tap("layernorm_before"))?;
    let path = layer.parameter(attention);
    let qkv = recorder.query_key_value(layer, &path, normed)?;
    let context = recorder.attention(layer, attending, qkv, x)?;
    recorder.project(layer, &path, context, x)
}
