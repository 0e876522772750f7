//! A model as kernel calls.

use std::ops::Range;

use super::encoder::{AttentionAxis, Encoder, Layer};
use super::parameters::ParameterSpec;
use super::random_inputs::RandomInputs;
use crate::graph::{Graph, Value};
use crate::kernels::attention::{Part, Qkv};

/// A model recorded as kernel calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// The calls. The graph's inputs are `clip`, of [`clip_shape`](super::clip_shape), and where frames may be masked
    /// `validity`: which temporal indices are valid, words of `[B, T]`.
    pub graph: Graph,
    /// Name and shape of every tensor that the model learns, in the order of the forward pass.
    pub parameters: Vec<ParameterSpec>,
    /// `[B, C]`: what the head sees, one vector a clip.
    pub features: Value,
    /// `[B, K]`, for a model with a head.
    pub logits: Option<Value>,
    /// `[B, K]`: softmax of the logits, for one label a clip.
    pub probabilities: Option<Value>,
    /// The calls of each block of an encoder, in the order of the forward pass: what a backward pass may compute again.
    pub blocks: Vec<Range<usize>>,
    /// The inputs that decide what is left out at random, where a training asks for that.
    pub(super) random_inputs: RandomInputs,
    /// The attentions, in the order of the forward pass.
    pub(crate) attentions: Vec<RecordedAttention>,
}

/// One attention of a model.
#[derive(Clone, Debug)]
pub(crate) struct RecordedAttention {
    /// Its layer, and in a layer with several attentions which of them it is.
    pub(super) layer: Layer,
    /// Its packed queries, keys and values.
    pub(super) qkv: Value,
    /// How they are packed.
    pub(super) packing: Qkv,
    /// Which heads attend how.
    pub(super) parts: Vec<(AttentionAxis, Part)>,
    /// Which temporal indices are valid, where frames may be masked.
    pub(super) validity: Option<Value>,
    /// `[H, 2, R]`: the statistics of its softmax, where they were asked for.
    pub(super) statistics: Option<Value>,
}

impl RecordedAttention {
    /// The encoder that it is in.
    pub(super) fn encoder(&self) -> Encoder {
        self.layer.encoder
    }

    /// Index of its layer, from 0.
    pub(super) fn layer(&self) -> usize {
        self.layer.index
    }
}
