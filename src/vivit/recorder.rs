//! What the models share when they record their graphs: layers by parameter path, fused unless a tap asks otherwise.

mod regularisers;

use std::ops::Range;

use super::encoder::{AttentionAxis, Encoder, Layer};
use super::mask::GraphMask;
use super::parameters::ParameterSpec;
use super::random_inputs::RandomInputs;
use super::recording::{RecordedAttention, Recording};
use super::request::{ModelInput, Request};
use super::{Classifier, Config, EncoderSize, Gelu, Grid, Labelling, Tubelet};
use crate::graph::{Graph, Value};
use crate::kernels::Activation;
use crate::kernels::attention::{Attention, AttentionProbabilities, Mask, Part, Qkv, Sequences};
use crate::kernels::pixels::SelectFrames;
use crate::kernels::products::{Linear, OutputLayout, TubeletEmbed};
use crate::kernels::rows::{LayerNorm, Masking, Pointwise, Pool, Pooling, Softmax, Step, TokenAssembly};
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use regularisers::Regularisers;

/// A dense layer and what follows it.
struct Dense<'a> {
    /// Paths of the parameters; outputs of several are adjacent.
    paths: &'a [String],
    inner: usize,
    columns: usize,
    bias: bool,
    output: OutputLayout,
}

/// A graph while it is recorded.
pub(super) struct Recorder<'a> {
    pub config: &'a Config,
    pub batch: usize,
    request: &'a Request,
    graph: Graph,
    parameters: Vec<ParameterSpec>,
    /// `[B, T]`, where frames may be masked.
    validity: Option<Value>,
    attentions: Vec<RecordedAttention>,
    /// The calls of each block so far.
    blocks: Vec<Range<usize>>,
    regularisers: Regularisers,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(config: &'a Config, request: &'a Request) -> Result<Self> {
        config.validate()?;
        if request.batch == 0 {
            return Err(Error::usage("a batch must have at least one clip"));
        }
        let mut graph = Graph::new();
        let shape = [request.batch, config.grid().temporal];
        let masked = request.masking.frames;
        let validity = masked.then(|| graph.input(ModelInput::Validity.name(), shape, Element::U32)).transpose()?;
        let (parameters, attentions, blocks) = (Vec::new(), Vec::new(), Vec::new());
        let (batch, regularisers) = (request.batch, Regularisers::default());
        Ok(Self { config, batch, request, graph, parameters, validity, attentions, blocks, regularisers })
    }

    /// The input clip, `[B, F, P, Y, X]` or `[B, F, Y, X, P]`, as one token a tubelet: `patch_embeddings` [B, T·S, C].
    pub(super) fn patch_embeddings(&mut self) -> Result<Value> {
        let Config { frames, rows, columns, planes, tubelet, width, .. } = *self.config;
        let shape = self.request.layout.shape(self.batch, frames, [rows, columns], planes);
        let clip = self.graph.input(ModelInput::Clip.name(), shape, Element::F32)?;
        let (clip, frames) = match self.config.frame_sampling {
            Some(sampling) => self.sampled_frames(clip, &sampling.indices(frames))?,
            None => (clip, frames),
        };
        let Tubelet { frames: deep, rows: high, columns: wide } = tubelet;
        let kernel = match self.config.frame_sampling {
            None => Shape::from([width, planes, deep, high, wide]),
            Some(_) => Shape::from([width, planes, high, wide]),
        };
        let kernel = self.weights("embedding.kernel", kernel, [width, self.config.tubelet_values()])?;
        let bias = self.weights("embedding.bias", [width], [width])?;
        let call = TubeletEmbed {
            batch: self.batch,
            frames,
            rows,
            columns,
            planes,
            tubelet: [tubelet.frames, tubelet.rows, tubelet.columns],
            outputs: width,
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

    /// An encoder on `tokens` [B, T·S, C] or [B, T, C]: class token, positions, `block` for each layer, LayerNorm.
    pub(super) fn encoder(
        &mut self,
        encoder: Encoder,
        size: EncoderSize,
        tokens: Value,
        block: impl Fn(&mut Self, Layer, Value) -> Result<Value>,
    ) -> Result<Value> {
        let mut x = self.embeddings(encoder, tokens)?;
        self.begin_gates(encoder, size.layers)?;
        for index in 0..size.layers {
            let first = self.graph.nodes().len();
            x = block(self, Layer::new(encoder, index, size), x)?;
            self.blocks.push(first..self.graph.nodes().len());
        }
        self.layer_norm(&format!("{}.encoder_norm", encoder.path()), x, &encoder.value("sequence_output"))
    }

    /// `tokens` as sequences of an encoder: the class token (where the model has one) before them, plus the position table.
    fn embeddings(&mut self, encoder: Encoder, tokens: Value) -> Result<Value> {
        let width = self.config.width;
        let class_token = self.config.class_token();
        let cls = class_token.then(|| self.weights(encoder.class_token(), [1, 1, width], [1, width])).transpose()?;
        let sequences = self.sequences(encoder);
        let sequence = self.config.encoder_tokens(encoder);
        let positions = self.weights(&encoder.positions(), [1, sequence, width], [sequence, width])?;
        let count = self.config.encoder_grid(encoder).tokens();
        let call = TokenAssembly { sequences, tokens: count, width, class_token, positions: true };
        let operands = [Some(tokens), cls, Some(positions)];
        self.graph.call(call, &operands, &encoder.value("embeddings"), [sequences, sequence, width])
    }

    /// How many sequences an encoder sees.
    fn sequences(&self, encoder: Encoder) -> usize {
        match encoder {
            Encoder::Clip | Encoder::Temporal => self.batch,
            Encoder::Spatial => self.batch * self.config.grid().temporal,
        }
    }

    /// One pre-norm block: x + attention, then x + MLP (paper, equations 2 and 3; spec §2.1). `heads` says which of its
    /// heads attend over what.
    pub(super) fn block(&mut self, layer: Layer, heads: &[(AttentionAxis, Range<usize>)], x: Value) -> Result<Value> {
        let x = self.attend(layer, ["LayerNorm_0", "MultiHeadDotProductAttention_0"], heads, x)?;
        self.mlp(layer, ["LayerNorm_1", "MlpBlock_0"], x)
    }

    /// x + attention of its LayerNorm, each with the parameters of that module of the layer.
    pub(super) fn attend(
        &mut self,
        layer: Layer,
        [norm, attention]: [&str; 2],
        heads: &[(AttentionAxis, Range<usize>)],
        x: Value,
    ) -> Result<Value> {
        let normed = self.layer_norm(&layer.parameter(norm), x, &layer.value("layernorm_before"))?;
        let path = layer.parameter(attention);
        let qkv = self.query_key_value(layer, &path, normed)?;
        let context = self.attention(layer, heads, qkv, x)?;
        self.project(layer, &path, context, x)
    }

    /// LayerNorm of every token of `x`, with the parameters at `path`.
    fn layer_norm(&mut self, path: &str, x: Value, name: &str) -> Result<Value> {
        let width = self.config.width;
        let shape = self.graph.shape(x).clone();
        let scale = self.weights(&format!("{path}.scale"), [width], [width])?;
        let bias = self.weights(&format!("{path}.bias"), [width], [width])?;
        let call = LayerNorm { rows: shape.rows(), width, epsilon: self.config.layer_norm_eps };
        self.graph.call(call, &[Some(x), Some(scale), Some(bias)], name, shape)
    }

    /// x·W + b.
    fn dense(&mut self, dense: &Dense<'_>, x: Value, name: &str, shape: impl Into<Shape>) -> Result<Value> {
        self.linear(dense, x, None, None, name, shape.into())
    }

    /// activation(x·W + b); `before` names x·W + b, which is computed apart where it is tapped or a backward pass needs it.
    fn dense_activated(
        &mut self,
        dense: &Dense<'_>,
        activation: Activation,
        x: Value,
        [before, name]: [&str; 2],
        shape: impl Into<Shape>,
    ) -> Result<Value> {
        let shape = shape.into();
        if !self.request.taps.want(before) && !self.request.training {
            return self.linear(dense, x, Some(activation), None, name, shape);
        }
        let inner = self.linear(dense, x, None, None, before, shape.clone())?;
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Activation(activation) };
        self.graph.call(call, &[Some(inner), None], name, shape)
    }

    /// residual + x·W + b, a branch of a block; `before` names x·W + b, which is computed apart where it is tapped or
    /// something follows it: the branch's gate, and dropout where that has a name.
    fn dense_added(
        &mut self,
        dense: &Dense<'_>,
        x: Value,
        residual: Value,
        [before, name]: [&str; 2],
        dropout: Option<&str>,
    ) -> Result<Value> {
        let shape = self.graph.shape(residual).clone();
        let gate = self.next_gate();
        if gate.is_none() && dropout.is_none() && !self.request.taps.want(before) {
            return self.linear(dense, x, None, Some(residual), name, shape);
        }
        let mut branch = self.linear(dense, x, None, None, before, shape.clone())?;
        if let Some(dropout) = dropout {
            branch = self.dropped(branch, dropout)?;
        }
        if let Some(gate) = gate {
            return self.gated(branch, residual, gate, name);
        }
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Sum };
        self.graph.call(call, &[Some(branch), Some(residual)], name, shape)
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
        for path in paths {
            let outputs = columns / paths.len();
            self.note(format!("{path}.kernel"), [outputs, inner]);
            if bias {
                self.note(format!("{path}.bias"), [outputs]);
            }
        }
        let weight = self.graph.weights(&named("kernel"), [columns, inner])?;
        let offsets = if bias { Some(self.graph.weights(&named("bias"), [columns])?) } else { None };
        let rows = self.graph.shape(x).elements() / inner;
        let call = Linear { rows, inner, columns, bias, activation, residual: residual.is_some(), output };
        self.graph.call(call, &[Some(x), Some(weight), offsets, residual], name, shape)
    }

    /// The packed queries, keys and values of `x`, one plane a head: `qkv.I` `[3H, R, D]`.
    fn query_key_value(&mut self, layer: Layer, path: &str, x: Value) -> Result<Value> {
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
        self.dense(&dense, x, &layer.value("qkv"), [3 * heads, rows, head_width])
    }

    /// Attention of the packed `qkv`: `attention_context.I`, shaped like `x`. Where `attention_probs.I` is tapped, the
    /// probabilities are computed beside it.
    fn attention(
        &mut self,
        layer: Layer,
        heads: &[(AttentionAxis, Range<usize>)],
        qkv: Value,
        x: Value,
    ) -> Result<Value> {
        let shape = self.graph.shape(x).clone();
        let packing = Qkv::in_planes(shape.rows(), layer.size.heads, self.config.width / layer.size.heads);
        let mut parts = Vec::new();
        for (axis, heads) in heads.iter().cloned() {
            let part =
                Part { heads, sequences: self.attending(layer.encoder, axis), mask: self.mask(layer.encoder, axis) };
            let probabilities = layer.over(axis).value("attention_probs");
            if self.request.taps.want(&probabilities) {
                self.probabilities(&packing, &part, qkv, &probabilities)?;
            }
            parts.push((axis, part));
        }
        let validity = self.validity.filter(|_| parts.iter().any(|(_, part)| part.mask.validity));
        let operands = [Some(qkv), Some(qkv), Some(qkv), validity];
        let each = parts.iter().map(|(_, part)| part.clone()).collect();
        let statistics = self.request.statistics || self.request.training;
        let call = Attention { qkv: packing.clone(), parts: each, queries: None, statistics };
        let (context, of_rows) = (layer.value("attention_context"), layer.value("attention_statistics"));
        let mut outputs = vec![(context.as_str(), shape)];
        let shape_of_rows = Shape::from([layer.size.heads, 2, packing.rows]);
        outputs.extend(statistics.then_some((of_rows.as_str(), shape_of_rows)));
        let values = self.graph.call_many(call, &operands, &outputs)?;
        let statistics = values.get(1).copied();
        self.attentions.push(RecordedAttention { layer, qkv, packing, parts, validity, statistics });
        Ok(values[0])
    }

    /// The sequences within which tokens of an encoder attend over `axis`.
    fn attending(&self, encoder: Encoder, axis: AttentionAxis) -> Sequences {
        let Grid { temporal, .. } = self.config.encoder_grid(encoder);
        let spatial = self.config.encoder_grid(encoder).spatial();
        match axis {
            AttentionAxis::Whole => Sequences::joint(self.sequences(encoder), self.config.encoder_tokens(encoder)),
            AttentionAxis::Space => Sequences::spatial(self.batch, temporal, spatial),
            AttentionAxis::Time => Sequences::temporal(self.batch, temporal, spatial),
        }
    }

    /// What tokens of an encoder that attend over `axis` do not see: masks hide temporal indices.
    fn mask(&self, encoder: Encoder, axis: AttentionAxis) -> Mask {
        let GraphMask { frames, causal, empty_row } = self.request.masking;
        let hides = |sequences: Mask| Mask { causal, validity: frames, ..sequences }.empty_row(empty_row);
        match (encoder, axis) {
            (Encoder::Spatial, _) | (_, AttentionAxis::Space) => Mask::NONE,
            (_, AttentionAxis::Time) => hides(Mask::of(0, 1)),
            (_, AttentionAxis::Whole) => {
                let class_tokens = usize::from(self.config.class_token());
                hides(Mask::of(class_tokens, self.config.encoder_grid(encoder).spatial()))
            }
        }
    }

    fn probabilities(&mut self, packing: &Qkv, part: &Part, qkv: Value, name: &str) -> Result<()> {
        let tokens = part.sequences.tokens;
        let shape = [part.sequences.count(), part.heads.len(), tokens, tokens];
        let validity = self.validity.filter(|_| part.mask.validity);
        let call = AttentionProbabilities { qkv: packing.clone(), part: part.clone(), queries: 0..tokens };
        self.graph.call(call, &[Some(qkv), Some(qkv), validity], name, shape).map(drop)
    }

    /// The output projection of attention and the residual `x`; `attention_output.I` is what is added.
    fn project(&mut self, layer: Layer, path: &str, context: Value, x: Value) -> Result<Value> {
        let width = self.config.width;
        let paths = [format!("{path}.out")];
        let dense = Dense { paths: &paths, inner: width, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [layer.value("attention_output"), layer.value("attention_residual")];
        self.dense_added(&dense, context, x, [&names[0], &names[1]], None)
    }

    /// x + MLP of its LayerNorm, each with the parameters of that module of the layer: `hidden_state.(I+1)`.
    pub(super) fn mlp(&mut self, layer: Layer, [norm, mlp]: [&str; 2], x: Value) -> Result<Value> {
        let normed = self.layer_norm(&layer.parameter(norm), x, &layer.value("layernorm_after"))?;
        let path = layer.parameter(mlp);
        let Config { width, gelu, .. } = *self.config;
        let hidden = layer.size.hidden;
        let activation = match gelu {
            Gelu::Tanh => Activation::GeluTanh,
            Gelu::Erf => Activation::GeluErf,
        };
        let rows = self.graph.shape(x).rows();
        let paths = [format!("{path}.Dense_0")];
        let dense = Dense { paths: &paths, inner: width, columns: hidden, bias: true, output: OutputLayout::Rows };
        let names = [layer.value("mlp_input"), layer.value("mlp_hidden")];
        let mut wide = self.dense_activated(&dense, activation, normed, [&names[0], &names[1]], [rows, hidden])?;
        if self.drops() {
            wide = self.dropped(wide, &layer.value("mlp_hidden_dropout"))?;
        }

        let paths = [format!("{path}.Dense_1")];
        let dense = Dense { paths: &paths, inner: hidden, columns: width, bias: true, output: OutputLayout::Rows };
        let names = [layer.value("mlp_output"), layer.output()];
        let dropout = self.drops().then(|| layer.value("mlp_output_dropout"));
        self.dense_added(&dense, wide, x, [&names[0], &names[1]], dropout.as_deref())
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

    /// One vector for each sequence of an encoder, from its output `x` by the classifier: `pooled` [B, C], of the spatial
    /// encoder `frame_representation` [B, T, C]. Tokens that are masked do not count.
    pub(super) fn pool(&mut self, encoder: Encoder, x: Value) -> Result<Value> {
        if encoder == Encoder::Spatial {
            let (width, times) = (self.config.width, self.config.grid().temporal);
            let (sequences, tokens) = (self.sequences(encoder), self.config.encoder_tokens(encoder));
            let call = Pool { sequences, tokens, width, pooling: self.pooling(), masking: None };
            let name = ModelInput::FrameRepresentation.name();
            return self.graph.call(call, &[Some(x), None], name, [self.batch, times, width]);
        }
        self.pool_clips(x, self.pooling(), self.config.encoder_grid(encoder).spatial())
    }

    /// The mean of `frames` [B, T, C]: `pooled` [B, C].
    pub(super) fn mean_of_frames(&mut self, frames: Value) -> Result<Value> {
        self.pool_clips(frames, Pooling::Mean, 1)
    }

    /// `pooled` [B, C] from `x`, which without a class token has `tokens_per_time` tokens of each temporal index.
    fn pool_clips(&mut self, x: Value, pooling: Pooling, tokens_per_time: usize) -> Result<Value> {
        let width = self.config.width;
        let validity = self.validity.filter(|_| pooling != Pooling::Token);
        let masking = validity.map(|_| Masking { class_tokens: 0, tokens_per_time });
        let tokens = self.graph.shape(x).rows() / self.batch;
        let call = Pool { sequences: self.batch, tokens, width, pooling, masking };
        self.graph.call(call, &[Some(x), validity], "pooled", [self.batch, width])
    }

    /// The vectors of temporal indices as an input, `frame_representation` [B, T, C].
    pub(super) fn frame_representation(&mut self) -> Result<Value> {
        let shape = [self.batch, self.config.grid().temporal, self.config.width];
        self.graph.input(ModelInput::FrameRepresentation.name(), shape, Element::F32)
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
        let Self { graph, parameters, attentions, blocks, regularisers, .. } = self;
        let random_inputs = RandomInputs { gates: regularisers.gates, drops: regularisers.keys.is_some() };
        Recording { graph, parameters, features, logits, probabilities, blocks, random_inputs, attentions }
    }

    /// The parameter called `name`, of its own shape, as the graph's weights of `shape`.
    fn weights(&mut self, name: &str, own: impl Into<Shape>, shape: impl Into<Shape>) -> Result<Value> {
        self.note(name.to_owned(), own);
        self.graph.weights(&[name.to_owned()], shape)
    }

    /// Adds a parameter to the list.
    fn note(&mut self, name: String, shape: impl Into<Shape>) {
        self.parameters.push(ParameterSpec { name, shape: shape.into() });
    }
}
