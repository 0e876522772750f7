//! What the models share when they record their graphs: layers by parameter path, fused unless a tap asks otherwise.

use std::ops::Range;

use super::encoder::{Encoder, Layer};
use super::mask::Masking;
use super::{Classifier, Config, Gelu, Labelling};
use crate::graph::{Graph, Taps, Value};
use crate::kernels::attention::AttentionProbabilities;
use crate::kernels::attention::{Attention, Mask, Part, Qkv, Sequences};
use crate::kernels::pixels::select_frames::SelectFrames;
use crate::kernels::products::linear::{Linear, OutputLayout};
use crate::kernels::products::tubelet_embed::TubeletEmbed;
use crate::kernels::rows::layer_norm::LayerNorm;
use crate::kernels::rows::pointwise::{Pointwise, Step};
use crate::kernels::rows::pool::{self, Pool, Pooling};
use crate::kernels::rows::softmax::Softmax;
use crate::kernels::rows::token_assembly::TokenAssembly;
use crate::kernels::{Activation, ClipLayout};
use crate::tensor::{Element, Error, Result, Shape, Tensor};

/// What is asked of a model besides its logits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// B, clips at a time.
    pub batch: usize,
    /// The order of a clip's axes.
    pub layout: ClipLayout,
    /// The values wanted beside the outputs, by name.
    pub taps: Taps,
    /// What tokens do not see.
    pub masking: Masking,
    /// Whether attention leaves the statistics of its softmax, `attention_statistics.I`: rollout needs them.
    pub statistics: bool,
}

impl Request {
    /// `batch` clips in `layout`; nothing tapped, nothing masked.
    pub fn new(batch: usize, layout: ClipLayout) -> Self {
        Self { batch, layout, taps: Taps::None, masking: Masking::NONE, statistics: false }
    }
}

/// A model recorded as kernel calls.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The calls. The input is called `clip`; with masked frames there is `validity` beside it, words of [B, T].
    pub graph: Graph,
    /// `[B, C]`: what the head sees, one vector a clip.
    pub features: Value,
    /// `[B, K]`, for a model with a head.
    pub logits: Option<Value>,
    /// `[B, K]`: softmax of the logits, where they are of one label.
    pub probabilities: Option<Value>,
    /// Where tokens attend to one another, in the order of the forward pass.
    pub attentions: Vec<RecordedAttention>,
}

/// One place in a model where tokens attend to one another.
#[derive(Clone, Debug)]
pub struct RecordedAttention {
    /// What the names of its encoder's values begin with: empty, or in Model 2 `spatial.` or `temporal.`.
    pub encoder: String,
    /// What its encoder sees at a time.
    pub scope: Scope,
    /// Tokens of a sequence of its encoder, the class token included.
    pub tokens: usize,
    /// What the names of its values begin with: empty, or `spatial.`, `time.` and the like.
    pub stage: String,
    /// Index of its block, from 0.
    pub layer: usize,
    /// Its packed queries, keys and values.
    pub qkv: Value,
    /// How they are packed.
    pub packing: Qkv,
    /// Which heads attend how.
    pub parts: Vec<(Axis, Part)>,
    /// Which temporal indices are valid, where it is asked.
    pub validity: Option<Value>,
    /// `[H, 2, R]`: the statistics of its softmax, where they were asked for.
    pub statistics: Option<Value>,
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

/// What an encoder sees at a time: the tokens of its sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All tokens of a clip.
    Clip,
    /// The tokens of one temporal index.
    Frame,
    /// One token for each temporal index.
    Frames,
}

/// Over what a token attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Everything that its encoder sees.
    Whole,
    /// The tokens of its temporal index.
    Space,
    /// The temporal indices of its position.
    Time,
}

impl Axis {
    /// Its name in paths and values; empty for the whole.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Space => "space",
            Self::Time => "time",
        }
    }
}

/// Heads of a block that attend alike.
#[derive(Clone)]
pub(super) struct Attending {
    /// What sets the name of their probabilities apart from those of other heads.
    pub name: &'static str,
    /// Over what they attend.
    pub axis: Axis,
    pub heads: Range<usize>,
    pub sequences: Sequences,
    pub mask: Mask,
}

/// A graph in the making.
pub(super) struct Recorder<'a> {
    pub config: &'a Config,
    pub batch: usize,
    request: &'a Request,
    graph: Graph,
    /// `[B, T]`, where frames may be masked.
    validity: Option<Value>,
    attentions: Vec<RecordedAttention>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(config: &'a Config, request: &'a Request) -> Result<Self> {
        config.validate()?;
        if request.batch == 0 {
            return Err(Error::usage("a batch of no clips"));
        }
        let mut graph = Graph::new();
        let shape = [request.batch, config.grid().temporal];
        let masked = request.masking.frames;
        let validity = masked.then(|| graph.input("validity", shape, Element::U32)).transpose()?;
        Ok(Self { config, batch: request.batch, request, graph, validity, attentions: Vec::new() })
    }

    /// What is masked in sequences of `class_tokens` and then `tokens_per_time` tokens of each temporal index.
    pub(super) fn mask(&self, class_tokens: usize, tokens_per_time: usize) -> Mask {
        let Masking { frames, causal, empty_row } = self.request.masking;
        Mask { causal, validity: frames, ..Mask::of(class_tokens, tokens_per_time) }.empty_row(empty_row)
    }

    /// The input clip, `[B, F, P, Y, X]` or `[B, F, Y, X, P]`, as one token a tubelet: `patch_embeddings` [B, T·S, C].
    pub(super) fn patch_embeddings(&mut self) -> Result<Value> {
        let Config { frames, rows, columns, planes, tubelet, width, .. } = *self.config;
        let shape = self.request.layout.shape(self.batch, frames, [rows, columns], planes);
        let clip = self.graph.input("clip", shape, Element::F32)?;
        let (clip, frames) = match self.config.frame_sampling {
            Some(sampling) => self.sampled_frames(clip, &sampling.indices(frames))?,
            None => (clip, frames),
        };
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
            layout: self.request.layout,
        };
        let shape = [self.batch, self.config.tokens(), width];
        self.graph.call(call, &[Some(clip), Some(kernel), Some(bias)], "patch_embeddings", shape)
    }

    /// The frames of each clip at `indices`, and their number.
    fn sampled_frames(&mut self, clip: Value, indices: &[usize]) -> Result<(Value, usize)> {
        let Config { frames, rows, columns, planes, .. } = *self.config;
        let words = indices.iter().map(|index| *index as u32).collect();
        let table = self.graph.constant("frame_indices", Tensor::u32([indices.len()], words)?)?;
        let frame = self.request.layout.frame([rows, columns], planes);
        let call = SelectFrames { clips: self.batch, frames, picked: indices.len(), frame };
        let shape = self.request.layout.shape(self.batch, indices.len(), [rows, columns], planes);
        Ok((self.graph.call(call, &[Some(clip), Some(table)], "sampled_frames", shape)?, indices.len()))
    }

    /// `tokens` as `sequences` of an encoder: the class token `cls` (where the model has one) before them, plus the
    /// position table.
    pub(super) fn embeddings(
        &mut self,
        encoder: &Encoder<'_>,
        cls: &str,
        tokens: Value,
        sequences: usize,
    ) -> Result<Value> {
        let width = self.config.width;
        let class_token = self.config.class_token();
        let cls = if class_token { Some(self.weights(cls, [1, width])?) } else { None };
        let count = self.graph.shape(tokens).rows() / sequences;
        let sequence = count + usize::from(class_token);
        let positions = self.weights(&format!("{}.posembed_input.pos_embedding", encoder.path), [sequence, width])?;
        let call = TokenAssembly { sequences, tokens: count, width, class_token, positions: true };
        let operands = [Some(tokens), cls, Some(positions)];
        self.graph.call(call, &operands, &encoder.tap("embeddings"), [sequences, sequence, width])
    }

    /// The LayerNorm that ends an encoder.
    pub(super) fn encoder_norm(&mut self, encoder: &Encoder<'_>, x: Value) -> Result<Value> {
        self.layer_norm(&format!("{}.encoder_norm", encoder.path), x, &encoder.tap("sequence_output"))
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
        if !self.request.taps.want(before) {
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
        if !self.request.taps.want(before) {
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

    /// The packed queries, keys and values of `x`, one plane a head: `qkv.I` `[3H, R, D]`.
    pub(super) fn query_key_value(&mut self, layer: &Layer, path: &str, x: Value) -> Result<Value> {
        let Config { width, qkv_bias, .. } = *self.config;
        let heads = layer.size.heads;
        let head_width = width / heads;
        let paths = ["query", "key", "value"].map(|projection| format!("{path}.{projection}"));
        let dense = Dense {
            paths: &paths,
            inner: width,
            columns: 3 * width,
            bias: qkv_bias,
            output: OutputLayout::Planes { width: head_width },
        };
        let rows = self.graph.shape(x).rows();
        self.dense(&dense, x, &layer.tap("qkv"), [3 * heads, rows, head_width])
    }

    /// Attention of the packed `qkv`: `attention_context.I`, shaped like `x`. Where `attention_probs.I` is tapped, the
    /// probabilities are computed beside it.
    pub(super) fn attention(&mut self, layer: &Layer, attending: &[Attending], qkv: Value, x: Value) -> Result<Value> {
        let heads = layer.size.heads;
        let shape = self.graph.shape(x).clone();
        let packing = Qkv::in_planes(shape.rows(), heads, self.config.width / heads);
        let mut parts = Vec::new();
        for Attending { name, axis, heads, sequences, mask } in attending.iter().cloned() {
            let part = Part { heads, sequences, mask };
            let probabilities = format!("{}{name}attention_probs.{}", layer.stage(), layer.index);
            if self.request.taps.want(&probabilities) {
                self.probabilities(&packing, &part, qkv, &probabilities)?;
            }
            parts.push((axis, part));
        }
        let validity = self.validity.filter(|_| parts.iter().any(|(_, part)| part.mask.validity));
        let operands = [Some(qkv), Some(qkv), Some(qkv), validity];
        let each = parts.iter().map(|(_, part)| part.clone()).collect();
        let statistics = self.request.statistics;
        let call = Attention { qkv: packing.clone(), parts: each, queries: None, statistics };
        let (context, of_rows) = (layer.tap("attention_context"), layer.tap("attention_statistics"));
        let mut outputs = vec![(context.as_str(), shape)];
        outputs.extend(statistics.then(|| (of_rows.as_str(), Shape::from([heads, 2, packing.rows]))));
        let values = self.graph.call_many(call, &operands, &outputs)?;
        self.attentions.push(RecordedAttention {
            encoder: layer.encoder().to_owned(),
            scope: layer.scope,
            tokens: layer.tokens,
            stage: layer.stage().to_owned(),
            layer: layer.index,
            qkv,
            packing,
            parts,
            validity,
            statistics: values.get(1).copied(),
        });
        Ok(values[0])
    }

    fn probabilities(&mut self, packing: &Qkv, part: &Part, qkv: Value, name: &str) -> Result<()> {
        let tokens = part.sequences.tokens;
        let shape = [part.sequences.count(), part.heads.len(), tokens, tokens];
        let validity = self.validity.filter(|_| part.mask.validity);
        let call = AttentionProbabilities { qkv: packing.clone(), part: part.clone(), queries: 0..tokens };
        self.graph.call(call, &[Some(qkv), Some(qkv), validity], name, shape).map(drop)
    }

    /// The output projection of attention and the residual `x`; `attention_output.I` is what is added.
    pub(super) fn project(&mut self, layer: &Layer, path: &str, context: Value, x: Value) -> Result<Value> {
        let width = self.config.width;
        let paths = [format!("{path}.out")];
        let dense = Dense { paths: &paths, inner: width, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [layer.tap("attention_output"), layer.tap("attention_residual")];
        self.dense_added(&dense, context, x, [&names[0], &names[1]])
    }

    /// The MLP of `normed` and the residual `x`: `hidden_state.(I+1)`.
    pub(super) fn mlp(&mut self, layer: &Layer, path: &str, normed: Value, x: Value) -> Result<Value> {
        let Config { width, gelu, .. } = *self.config;
        let hidden = layer.size.hidden;
        let activation = match gelu {
            Gelu::Tanh => Activation::GeluTanh,
            Gelu::Erf => Activation::GeluErf,
        };
        let rows = self.graph.shape(x).rows();
        let paths = [format!("{path}.Dense_0")];
        let dense = Dense { paths: &paths, inner: width, columns: hidden, bias: true, output: OutputLayout::Rows };
        let names = [layer.tap("mlp_input"), layer.tap("mlp_hidden")];
        let wide = self.dense_activated(&dense, activation, normed, [&names[0], &names[1]], [rows, hidden])?;

        let paths = [format!("{path}.Dense_1")];
        let dense = Dense { paths: &paths, inner: hidden, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [layer.tap("mlp_output"), layer.output()];
        self.dense_added(&dense, wide, x, [&names[0], &names[1]])
    }

    /// How the classifier of the configuration makes one vector of several.
    fn pooling(&self) -> Pooling {
        match self.config.classifier {
            Classifier::Token | Classifier::FirstToken => Pooling::Token,
            Classifier::Mean => Pooling::Mean,
            Classifier::Max => Pooling::Max,
            Classifier::Sum => Pooling::Sum,
        }
    }

    /// One vector a clip from `x`, by the classifier: `pooled` [B, C]. Without a class token `x` has `tokens_per_time`
    /// tokens of each temporal index, of which masked ones do not count.
    pub(super) fn pool_clips(&mut self, x: Value, tokens_per_time: usize) -> Result<Value> {
        self.pool(x, self.pooling(), tokens_per_time)
    }

    /// One vector a clip from `x`: `pooled` [B, C].
    pub(super) fn pool(&mut self, x: Value, pooling: Pooling, tokens_per_time: usize) -> Result<Value> {
        let width = self.config.width;
        let validity = self.validity.filter(|_| pooling != Pooling::Token);
        let masking = validity.map(|_| pool::Masking { class_tokens: 0, tokens_per_time });
        let tokens = self.graph.shape(x).rows() / self.batch;
        let call = Pool { sequences: self.batch, tokens, width, pooling, masking };
        self.graph.call(call, &[Some(x), validity], "pooled", [self.batch, width])
    }

    /// One vector a temporal index from `x`, by the classifier: `frame_representation` [B, T, C].
    pub(super) fn pool_frames(&mut self, x: Value) -> Result<Value> {
        let (width, times) = (self.config.width, self.config.grid().temporal);
        let sequences = self.batch * times;
        let tokens = self.graph.shape(x).rows() / sequences;
        let call = Pool { sequences, tokens, width, pooling: self.pooling(), masking: None };
        self.graph.call(call, &[Some(x), None], "frame_representation", [self.batch, times, width])
    }

    /// The vectors of temporal indices as an input, `frame_representation` [B, T, C].
    pub(super) fn frame_representation(&mut self) -> Result<Value> {
        let shape = [self.batch, self.config.grid().temporal, self.config.width];
        self.graph.input("frame_representation", shape, Element::F32)
    }

    /// The graph so far, with one output.
    pub(super) fn into_graph(mut self, output: Value) -> Result<Graph> {
        self.graph.output(output)?;
        Ok(self.graph)
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
        self.graph.output(features)?;
        if classes == 0 {
            return Ok(self.recording(features, None, None));
        }
        let paths = ["output_projection".to_owned()];
        let inner = self.config.features();
        let dense = Dense { paths: &paths, inner, columns: classes, bias: true, output: OutputLayout::Rows };
        let logits = self.dense(&dense, features, "logits", [self.batch, classes])?;
        self.graph.output(logits)?;
        if self.config.labelling != Labelling::Single {
            return Ok(self.recording(features, Some(logits), None));
        }
        let call = Softmax { rows: self.batch, width: classes };
        let probabilities = self.graph.call(call, &[Some(logits)], "probabilities", [self.batch, classes])?;
        self.graph.output(probabilities)?;
        Ok(self.recording(features, Some(logits), Some(probabilities)))
    }

    fn recording(self, features: Value, logits: Option<Value>, probabilities: Option<Value>) -> Recording {
        Recording { graph: self.graph, features, logits, probabilities, attentions: self.attentions }
    }

    fn weights(&mut self, name: &str, shape: impl Into<Shape>) -> Result<Value> {
        self.graph.weights(&[name.to_owned()], shape)
    }
}

/// The shape of the input `clip`.
pub fn clip_shape(config: &Config, request: &Request) -> Shape {
    request.layout.shape(request.batch, config.frames, [config.rows, config.columns], config.planes)
}
