//! Shapes for attention.

use super::{Attention, Mask, Qkv, Sequences};
use crate::kernels::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("one token", Attention::new(Qkv::in_planes(1, 1, 1), Sequences::joint(1, 1), Mask::NONE)),
        Case::new("one head of 64", Attention::new(Qkv::in_planes(65, 1, 64), Sequences::joint(1, 65), Mask::NONE)),
    ]
}
