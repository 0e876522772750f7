//! What the models share when they record their graphs: layers by parameter path, fused unless a tap asks otherwise.

use super::{Config, Gelu};
use crate::graph::{Graph, Taps, Value};
use crate::kernels::attention::{Attention, QkvLayout};
use crate::kernels::attention_probabilities::AttentionProbabilities;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::linear::{Linear, OutputLayout};
use crate::kernels::pointwise::Pointwise;
use crate::kernels::token_assembly::TokenAssembly;
use crate::kernels::tubelet_embed::TubeletEmbed;
use crate::kernels::{Activation, ClipLayout};
use crate::tensor::{Element, Error, Result, Shape};

/// What is asked of a model besides its logits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// B, clips at a time.
    pub batch: usize,
    /// The order of a clip's axes.
    pub layout: ClipLayout,
    /// The values wanted beside the outputs, by name.
    pub taps: Taps,
}

/// A model recorded as kernel calls.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The calls. The input is called `clip`.
    pub graph: Graph,
    /// `[B, C]`: what the head sees, one vector a clip.
    pub features: Value,
    /// `[B, K]`, for a model with a head.
    pub logits: Option<Value>,
    /// `[B, K]`: softmax of the logits.
    pub probabilities: Option<Value>,
}

/// A dense layer and what follows it.
pub(super) struct Dense<'a> {
    /// Paths of the parameters; outputs of several are adjacent.
    pub paths: &'a [String],
    pub inner: usize,
    pub columns: usize,
    pub bias: bool,
    pub output: OutputLayout,
}

/// A graph in the making.
pub(super) struct Recorder<'a> {
    pub config: &'a Config,
    pub batch: usize,
    taps: &'a Taps,
    layout: ClipLayout,
    graph: Graph,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(config: &'a Config, request: &'a Request) -> Result<Self> {
        config.validate()?;
        if request.batch == 0 {
            return Err(Error::usage("a batch of no clips"));
        }
        Ok(Self { config, batch: request.batch, taps: &request.taps, layout: request.layout, graph: Graph::new() })
    }

    /// The input clip, `[B, F, P, Y, X]` or `[B, F, Y, X, P]`, as one token a tubelet: `patch_embeddings` [B, T·S, C].
    pub(super) fn patch_embeddings(&mut self) -> Result<Value> {
        let Config { frames, rows, columns, planes, tubelet, width, .. } = *self.config;
        let shape = self.layout.shape(self.batch, frames, planes, rows, columns);
        let clip = self.graph.input("clip", shape, Element::F32)?;
        let kernel = self.weights("embedding.kernel", [width, self.config.tubelet_values()])?;
        let bias = self.weights("embedding.bias", [width])?;
        let call = TubeletEmbed {
            batch: self.batch,
            frames,
            height: rows,
            width: columns,
            channels: planes,
            tubelet: [tubelet.frames, tubelet.rows, tubelet.columns],
            columns: width,
            bias: true,
            layout: self.layout,
        };
        let shape = [self.batch, self.config.tokens(), width];
        self.graph.call(call, &[Some(clip), Some(kernel), Some(bias)], "patch_embeddings", shape)
    }

    /// The class token `cls` (where the model has one) before `tokens`, plus the position table of the encoder `path`.
    pub(super) fn embeddings(&mut self, path: &str, cls: &str, tokens: Value) -> Result<Value> {
        let Config { width, .. } = *self.config;
        let sequence = self.config.sequence();
        let class_token = self.config.class_token();
        let cls = if class_token { Some(self.weights(cls, [1, width])?) } else { None };
        let positions = self.weights(&format!("{path}.posembed_input.pos_embedding"), [sequence, width])?;
        let call = TokenAssembly { sequences: self.batch, tokens: self.config.tokens(), width, class_token, positions: true };
        self.graph.call(call, &[Some(tokens), cls, Some(positions)], "embeddings", [self.batch, sequence, width])
    }

    /// LayerNorm of every token of `x`, with the parameters at `path`.
    pub(super) fn layer_norm(&mut self, path: &str, x: Value, name: &str) -> Result<Value> {
        let width = self.config.width;
        let shape = self.graph.shape(x).clone();
        let scale = self.weights(&format!("{path}.scale"), [width])?;
        let bias = self.weights(&format!("{path}.bias"), [width])?;
        let call = LayerNorm { rows: shape.rows(), width, epsilon: self.config.layer_norm_eps };
        self.graph.call(call, &[Some(x), Some(scale), Some(bias)], name, shape)
    }

    /// x·W + b.
    pub(super) fn dense(&mut self, dense: &Dense<'_>, x: Value, name: &str, shape: impl Into<Shape>) -> Result<Value> {
        self.linear(dense, x, None, None, name, shape.into())
    }

    /// activation(x·W + b); `before` names x·W + b, which is computed apart where it is tapped.
    pub(super) fn dense_activated(
        &mut self,
        dense: &Dense<'_>,
        activation: Activation,
        x: Value,
        [before, name]: [&str; 2],
        shape: impl Into<Shape>,
    ) -> Result<Value> {
        let shape = shape.into();
        if !self.taps.want(before) {
            return self.linear(dense, x, Some(activation), None, name, shape);
        }
        let inner = self.linear(dense, x, None, None, before, shape.clone())?;
        let call = Pointwise::activation(shape.elements(), activation);
        self.graph.call(call, &[Some(inner), None], name, shape)
    }

    /// residual + x·W + b; `before` names x·W + b, which is computed apart where it is tapped.
    pub(super) fn dense_added(
        &mut self,
        dense: &Dense<'_>,
        x: Value,
        residual: Value,
        [before, name]: [&str; 2],
    ) -> Result<Value> {
        let shape = self.graph.shape(residual).clone();
        if !self.taps.want(before) {
            return self.linear(dense, x, None, Some(residual), name, shape);
        }
        let inner = self.linear(dense, x, None, None, before, shape.clone())?;
        let call = Pointwise::sum(shape.elements());
        self.graph.call(call, &[Some(inner), Some(residual)], name, shape)
    }

    fn linear(
        &mut self,
        dense: &Dense<'_>,
        x: Value,
        activation: Option<Activation>,
        residual: Option<Value>,
        name: &str,
        shape: Shape,
    ) -> Result<Value> {
        let Dense { paths, inner, columns, bias, output } = *dense;
        let named = |tensor: &str| -> Vec<_> { paths.iter().map(|path| format!("{path}.{tensor}")).collect() };
        let weight = self.graph.weights(&named("kernel"), [columns, inner])?;
        let offsets = if bias { Some(self.graph.weights(&named("bias"), [columns])?) } else { None };
        let rows = self.graph.shape(x).elements() / inner;
        let call = Linear { rows, inner, columns, bias, activation, residual: residual.is_some(), output };
        self.graph.call(call, &[Some(x), Some(weight), offsets, residual], name, shape)
    }

    /// Attention over `attention`'s axes of the packed q, k, v: `attention_context.I`, and `attention_probs.I` where it
    /// is tapped.
    pub(super) fn attention(&mut self, attention: Attention, qkv: Value, layer: usize, shape: impl Into<Shape>) -> Result<Value> {
        let probabilities = format!("attention_probs.{layer}");
        if self.taps.want(&probabilities) {
            let call = AttentionProbabilities::of(&attention);
            let shape = call.shape();
            let value = self.graph.call(call, &[Some(qkv), Some(qkv), None], &probabilities, shape)?;
            self.graph.output(value);
        }
        self.graph.call(attention, &[Some(qkv), Some(qkv), Some(qkv), None], &format!("attention_context.{layer}"), shape)
    }
}
