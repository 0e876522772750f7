//! The attention of a block: which tokens attend over which, and what is computed beside it.

use std::ops::Range;

use super::Recorder;
use super::dense::Dense;
use crate::graph::Value;
use crate::kernels::attention::{Attention, AttentionProbabilities, Mask, Part, Qkv, Sequences};
use crate::kernels::products::OutputLayout;
use crate::tensor::{Result, Shape};
use crate::vivit::encoder::{AttentionAxis, Encoder, Layer};
use crate::vivit::mask::GraphMask;
use crate::vivit::recording::RecordedAttention;
use crate::vivit::{Config, Grid};

impl Recorder<'_> {
    /// x + attention of its LayerNorm, each with the parameters of that module of the layer.
    pub(in crate::vivit) fn attend(
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
}
