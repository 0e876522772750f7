//! How precisely weights are stored.

use serde::Serialize;

use crate::tensor::Element;

/// The floats that a model's weights are stored in on a device. What is computed is f32 whatever they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precision {
    /// Every number is f32.
    #[default]
    F32,
    /// Weights of products are f16, the nearest to those of the checkpoint, in half the memory.
    F16Weights,
}

impl Precision {
    /// What weights of products are stored in.
    pub const fn weights(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16Weights => Element::F16,
        }
    }
}
