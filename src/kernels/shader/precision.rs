//! How precisely weights are stored.

use serde::{Deserialize, Serialize};

use crate::tensor::{Element, named};

/// The floats in which a device stores a model's weights. It computes in f32 with either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precision {
    /// Every number is f32.
    #[default]
    F32,
    /// Weights of products are f16, the nearest to those of the checkpoint, in half the memory.
    F16Weights,
}

named!(Precision, "the precision of weights": F32 = "f32", F16Weights = "f16");

impl Precision {
    /// The element in which weights of products are stored.
    pub const fn weights(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16Weights => Element::F16,
        }
    }
}
