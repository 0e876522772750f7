//! Shapes for the probabilities of attention.

use super::AttentionProbabilities;
use crate::kernels::Case;
use crate::kernels::attention::{Mask, Part, Qkv, Sequences};

pub(super) fn cases() -> Vec<Case> {
    let qkv = Qkv::in_planes(5, 1, 1);
    let part = Part { heads: 0..1, sequences: Sequences::joint(1, 5), mask: Mask::NONE };
    vec![Case::new("one head", AttentionProbabilities { qkv, part, queries: 0..5 })]
}
