//! Shapes for the probabilities of attention.

use super::AttentionProbabilities;
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::random::RandomAttention;
use crate::kernels::attention::sequences::{Part, Sequences};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Tensor, Tolerance};

/// Index of the validity among the inputs.
const VALIDITY: usize = 2;

/// All heads, all queries.
fn of(heads: usize, width: usize, sequences: Sequences, mask: Mask) -> AttentionProbabilities {
    let qkv = Qkv::in_planes(sequences.rows(), heads, width);
    AttentionProbabilities { qkv, part: Part { heads: 0..heads, sequences, mask }, queries: 0..sequences.tokens }
}

fn valid(case: Case, validity: [u32; 10]) -> Case {
    case.given(VALIDITY, Tensor::u32([2, 5], validity.to_vec()))
}

pub(super) fn cases() -> Vec<Case> {
    let joint = Sequences::joint;
    let in_time = Sequences::temporal(2, 5, 9);
    let masked = Mask::of(1, 7).causal().validity();
    let late = [0, 0, 1, 0, 1, 1, 1, 0, 0, 0];
    let clip = of(12, 64, joint(1, 3137), Mask::NONE);
    // A row adds up 70,001 exponentials one after another.
    let running = Tolerance { relative_l2: 1e-5, share_of_peak: 2e-5 };
    let by_row = of(3, 12, joint(2, 21), Mask::NONE);
    vec![
        Case::new("one token", of(1, 1, joint(1, 1), Mask::NONE)),
        Case::new("a step of keys and one", of(2, 5, joint(3, 5), Mask::NONE)),
        Case::new("ViT-B frame", of(12, 64, joint(1, 197), Mask::NONE)).timed(),
        Case::new("ViT-B clip, class token", AttentionProbabilities { queries: 0..1, ..clip }).timed(),
        Case::new("heads of width 80", of(2, 80, joint(1, 33), Mask::NONE)),
        Case::new("heads of width 256", of(1, 256, joint(1, 9), Mask::NONE)),
        Case::new("row by row", AttentionProbabilities { qkv: Qkv::in_rows(42, 3, 12), ..by_row }),
        Case::new("temporal", of(4, 12, in_time, Mask::NONE)),
        Case::new("spatial", of(4, 12, Sequences::spatial(2, 5, 9), Mask::NONE)),
        Case::new("second half of the heads", some_heads(of(4, 12, in_time, Mask::NONE))),
        Case::new("more rows than workgroups in a dimension", of(1, 1, joint(65_536 * 17, 2), Mask::NONE)),
        Case::new("more keys than loop iterations", some_queries(of(1, 1, joint(1, 70_001), Mask::NONE)))
            .tolerance(running),
        Case::new("causal", of(2, 12, joint(2, 36), Mask::of(1, 7).causal())),
        valid(Case::new("temporal, invalid times", of(2, 12, in_time, Mask::of(0, 1).validity())), late),
        valid(Case::new("causal, empty rows zero", of(2, 12, joint(2, 36), masked)), late),
        valid(
            Case::new("causal, empty rows uniform", of(2, 12, joint(2, 36), masked.empty_row(EmptyRow::Uniform))),
            late,
        ),
        valid(Case::new("cut into pieces", of(3, 12, joint(2, 36), masked)), late).binding_bytes(2048),
        Case::new("cut into pieces, some of them", some_heads(of(4, 5, in_time, Mask::NONE))).binding_bytes(1024),
        Case::new("large scores", of(1, 64, joint(1, 37), Mask::NONE))
            .fill(0, Fill::Spread(1e-3))
            .fill(1, Fill::Spread(1e4)),
    ]
}

fn some_heads(call: AttentionProbabilities) -> AttentionProbabilities {
    let part = Part { heads: 2..4, ..call.part };
    AttentionProbabilities { part, queries: 1..4, ..call }
}

fn some_queries(call: AttentionProbabilities) -> AttentionProbabilities {
    AttentionProbabilities { queries: 69_999..70_001, ..call }
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let part = Part { heads: draw.part(qkv.heads), sequences, mask };
    let queries = if draw.chance() { draw.part(sequences.tokens) } else { 0..sequences.tokens };
    let case = Case::new("random", AttentionProbabilities { qkv, part, queries });
    let case = if mask.validity { case.fill(VALIDITY, Fill::Words(2)) } else { case };
    let poisoned = draw.below(2);
    let case = draw.poisoned(case, poisoned);
    draw.limited(case)
}
