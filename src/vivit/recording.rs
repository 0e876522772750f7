//! What the models share when they record their graphs: layers by parameter path, fused unless a tap asks otherwise.

use super::{Classifier, Config, Gelu};
use crate::graph::{Graph, Taps, Value};
use crate::kernels::attention::{Attention, Mask, Part, Qkv, Sequences};
use crate::kernels::attention_probabilities::AttentionProbabilities;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::linear::{Linear, OutputLayout};
use crate::kernels::pointwise::{Pointwise, Step};
use crate::kernels::pool::{Pool, Pooling};
use crate::kernels::softmax::Softmax;
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
        let shape = self.layout.shape(self.batch, frames, [rows, columns], planes);
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
        let call =
            TokenAssembly { sequences: self.batch, tokens: self.config.tokens(), width, class_token, positions: true };
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
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Activation(activation) };
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
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Sum };
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

    /// The packed queries, keys and values of `x`, one plane a head: `[3H, B·N, D]`.
    pub(super) fn query_key_value(&mut self, path: &str, x: Value, name: &str) -> Result<Value> {
        let Config { width, heads, qkv_bias, .. } = *self.config;
        let head_width = self.config.head_width();
        let paths = ["query", "key", "value"].map(|projection| format!("{path}.{projection}"));
        let dense = Dense {
            paths: &paths,
            inner: width,
            columns: 3 * width,
            bias: qkv_bias,
            output: OutputLayout::Planes { width: head_width },
        };
        let rows = self.graph.shape(x).rows();
        self.dense(&dense, x, name, [3 * heads, rows, head_width])
    }

    /// Attention within `sequences` of the packed `qkv`: `attention_context.I`, shaped like `x`. Where
    /// `attention_probs.I` is tapped, the probabilities are computed beside it.
    pub(super) fn attention(
        &mut self,
        sequences: Sequences,
        mask: Mask,
        qkv: Value,
        x: Value,
        layer: usize,
    ) -> Result<Value> {
        let Config { heads, .. } = *self.config;
        let shape = self.graph.shape(x).clone();
        let packed = Qkv::in_planes(shape.rows(), heads, self.config.head_width());
        let probabilities = format!("attention_probs.{layer}");
        if self.taps.want(&probabilities) {
            let part = Part { heads: 0..heads, sequences, mask };
            let call = AttentionProbabilities { qkv: packed.clone(), part, queries: 0..sequences.tokens };
            let shape = [sequences.count(), heads, sequences.tokens, sequences.tokens];
            self.graph.call(call, &[Some(qkv), Some(qkv), None], &probabilities, shape)?;
        }
        let call = Attention::new(packed, sequences, mask);
        let operands = [Some(qkv), Some(qkv), Some(qkv), None];
        self.graph.call(call, &operands, &format!("attention_context.{layer}"), shape)
    }

    /// The output projection of attention and the residual `x`; `attention_output.I` is what is added.
    pub(super) fn project(&mut self, path: &str, context: Value, x: Value, layer: usize) -> Result<Value> {
        let width = self.config.width;
        let paths = [format!("{path}.out")];
        let dense = Dense { paths: &paths, inner: width, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [format!("attention_output.{layer}"), format!("attention_residual.{layer}")];
        self.dense_added(&dense, context, x, [&names[0], &names[1]])
    }

    /// The MLP of `normed` and the residual `x`: `hidden_state.(I+1)`.
    pub(super) fn mlp(&mut self, path: &str, normed: Value, x: Value, layer: usize) -> Result<Value> {
        let Config { width, hidden, gelu, .. } = *self.config;
        let activation = match gelu {
            Gelu::Tanh => Activation::GeluTanh,
            Gelu::Erf => Activation::GeluErf,
        };
        let rows = self.graph.shape(x).rows();
        let paths = [format!("{path}.Dense_0")];
        let dense = Dense { paths: &paths, inner: width, columns: hidden, bias: true, output: OutputLayout::Rows };
        let names = [format!("mlp_input.{layer}"), format!("mlp_hidden.{layer}")];
        let wide = self.dense_activated(&dense, activation, normed, [&names[0], &names[1]], [rows, hidden])?;

        let paths = [format!("{path}.Dense_1")];
        let dense = Dense { paths: &paths, inner: hidden, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [format!("mlp_output.{layer}"), format!("hidden_state.{}", layer + 1)];
        self.dense_added(&dense, wide, x, [&names[0], &names[1]])
    }

    /// One vector a clip from `x` `[B, N, C]`: `pooled`.
    pub(super) fn pool(&mut self, x: Value) -> Result<Value> {
        let pooling = match self.config.classifier {
            Classifier::Token | Classifier::FirstToken => Pooling::Token,
            Classifier::Mean => Pooling::Mean,
            Classifier::Max => Pooling::Max,
            Classifier::Sum => Pooling::Sum,
        };
        let width = self.config.width;
        let tokens = self.graph.shape(x).rows() / self.batch;
        let call = Pool { sequences: self.batch, tokens, width, pooling, masking: None };
        self.graph.call(call, &[Some(x), None], "pooled", [self.batch, width])
    }

    /// The representation layer and the head, where the model has them.
    pub(super) fn head(mut self, pooled: Value) -> Result<Recording> {
        let Config { width, classes, representation_size, .. } = *self.config;
        let features = match representation_size {
            None => pooled,
            Some(size) => {
                let paths = ["pre_logits".to_owned()];
                let dense =
                    Dense { paths: &paths, inner: width, columns: size, bias: true, output: OutputLayout::Rows };
                let names = ["pre_logits_input", "pre_logits"];
                self.dense_activated(&dense, Activation::Tanh, pooled, names, [self.batch, size])?
            }
        };
        self.graph.output(features);
        if classes == 0 {
            return Ok(Recording { graph: self.graph, features, logits: None, probabilities: None });
        }
        let paths = ["output_projection".to_owned()];
        let inner = self.config.features();
        let dense = Dense { paths: &paths, inner, columns: classes, bias: true, output: OutputLayout::Rows };
        let logits = self.dense(&dense, features, "logits", [self.batch, classes])?;
        let call = Softmax { rows: self.batch, width: classes };
        let probabilities = self.graph.call(call, &[Some(logits)], "probabilities", [self.batch, classes])?;
        self.graph.output(logits);
        self.graph.output(probabilities);
        Ok(Recording { graph: self.graph, features, logits: Some(logits), probabilities: Some(probabilities) })
    }

    fn weights(&mut self, name: &str, shape: impl Into<Shape>) -> Result<Value> {
        self.graph.weights(&[name.to_owned()], shape)
    }
}

/// The shape of the input `clip`.
pub fn clip_shape(config: &Config, request: &Request) -> Shape {
    request.layout.shape(request.batch, config.frames, [config.rows, config.columns], config.planes)
}
