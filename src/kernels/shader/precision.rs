//! How precisely weights are stored and products are computed.

use serde::{Deserialize, Serialize};

use crate::tensor::{Element, named};

/// The floats in which a device stores a model's weights, and multiplies. Everything is added up in f32: products, softmax,
/// statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precision {
    /// Every number is f32.
    #[default]
    F32,
    /// Weights of products are f16, the nearest to those of the checkpoint, in half the memory; the arithmetic is in f32.
    F16Weights,
    /// Both factors of products are f16, weights and what they multiply, and so are queries, keys and values. Products are
    /// added up in f32; the residual stream, LayerNorm and softmax are f32.
    F16,
}

named!(Precision, "a precision": F32 = "f32", F16Weights = "f16_weights", F16 = "f16");

impl Precision {
    /// The element in which weights of products are stored.
    pub const fn weights(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16Weights | Self::F16 => Element::F16,
        }
    }

    /// The element in which the factors of products that are no weights are read.
    pub const fn factors(self) -> Element {
        match self {
            Self::F32 | Self::F16Weights => Element::F32,
            Self::F16 => Element::F16,
        }
    }
}
