//! Who attends to whom in random cases of attention.

use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Sequences;
use crate::kernels::contract::Draw;

/// Heads, the sequences they attend within, and a mask that fits them.
pub(super) struct RandomAttention {
    pub(super) qkv: Qkv,
    pub(super) sequences: Sequences,
    pub(super) mask: Mask,
}

/// Products of a query with a key, of one number each: what the naive reference does in a moment.
const PRODUCTS: usize = 4_000_000;

impl RandomAttention {
    /// Up to a few hundred keys: of tens of thousands, running sums keep too few digits.
    pub(super) fn drawn(draw: &mut Draw) -> Self {
        let (axis, clips) = (draw.below(3), draw.size(3));
        let (times, positions) = (draw.size(12), draw.size(20));
        let class_tokens = if axis == 0 { draw.below(3) } else { 0 };
        let (sequences, plain) = match axis {
            0 => {
                let tokens = class_tokens + times * positions;
                (Sequences::joint(clips, tokens), Mask::of(class_tokens, positions))
            }
            1 => (Sequences::spatial(clips, times, positions), Mask::NONE),
            _ => (Sequences::temporal(clips, times, positions), Mask::of(0, 1)),
        };
        // Tokens of one frame are all of one time.
        let may_be_masked = axis != 1;
        let causal = may_be_masked && draw.chance();
        let validity = may_be_masked && draw.chance();
        let empty_row = if draw.chance() { EmptyRow::Uniform } else { EmptyRow::Zero };
        let mask = Mask { causal, validity, ..plain.empty_row(empty_row) };
        let heads = draw.size(4);
        let products = heads * sequences.rows() * sequences.tokens;
        let width = draw.size((PRODUCTS / products).clamp(1, 96));
        let rows = sequences.rows();
        let qkv = if draw.chance() { Qkv::in_rows(rows, heads, width) } else { Qkv::in_planes(rows, heads, width) };
        Self { qkv, sequences, mask }
    }
}
