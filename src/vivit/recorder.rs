//! What the models share when they record their graphs: layers by parameter path, fused unless a tap asks otherwise.

mod attention;
mod dense;
mod head;
mod regularisers;

use std::ops::Range;

use super::encoder::{AttentionAxis, Encoder, Layer};
use super::parameters::ParameterSpec;
use super::recording::RecordedAttention;
use super::request::{ModelInput, Request};
use super::{Config, EncoderSize, Gelu, Tubelet};
use crate::graph::{Graph, Value};
use crate::kernels::Activation;
use crate::kernels::pixels::SelectFrames;
use crate::kernels::products::{OutputLayout, TubeletEmbed};
use crate::kernels::rows::{LayerNorm, TokenAssembly};
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use dense::Dense;
use regularisers::Regularisers;

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

    /// LayerNorm of every token of `x`, with the parameters at `path`.
    fn layer_norm(&mut self, path: &str, x: Value, name: &str) -> Result<Value> {
        let width = self.config.width;
        let shape = self.graph.shape(x).clone();
        let scale = self.weights(&format!("{path}.scale"), [width], [width])?;
        let bias = self.weights(&format!("{path}.bias"), [width], [width])?;
        let call = LayerNorm { rows: shape.rows(), width, epsilon: self.config.layer_norm_eps };
        self.graph.call(call, &[Some(x), Some(scale), Some(bias)], name, shape)
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

    /// The graph so far, with one output.
    pub(super) fn into_graph(mut self, output: Value) -> Result<Graph> {
        self.graph.output(output)?;
        Ok(self.graph)
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
