//! Shapes and masks for the gradients of attention.
//!
//! The statistics are any numbers of their size, not those of the queries and keys: the formula holds for each. That it is
//! the gradient of attention for those that attention leaves is told by central differences.

use super::AttentionGradient;
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::random::RandomAttention;
use crate::kernels::attention::sequences::{Part, Sequences};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

/// Index of the statistics among the bindings.
const STATISTICS: usize = 4;

fn of(qkv: Qkv, sequences: Sequences, mask: Mask) -> AttentionGradient {
    let parts = vec![Part { heads: 0..qkv.heads, sequences, mask }];
    AttentionGradient { qkv, parts }
}

fn planes(sequences: Sequences, heads: usize, width: usize, mask: Mask) -> AttentionGradient {
    of(Qkv::in_planes(sequences.rows(), heads, width), sequences, mask)
}

fn rows(sequences: Sequences, heads: usize, width: usize, mask: Mask) -> AttentionGradient {
    of(Qkv::in_rows(sequences.rows(), heads, width), sequences, mask)
}

/// The first half of the heads over time, the others over space.
fn factorised([batch, times, positions]: [usize; 3], qkv: Qkv, mask: Mask) -> AttentionGradient {
    let middle = qkv.heads / 2;
    let parts = vec![
        Part { heads: 0..middle, sequences: Sequences::temporal(batch, times, positions), mask },
        Part { heads: middle..qkv.heads, sequences: Sequences::spatial(batch, times, positions), mask: Mask::NONE },
    ];
    AttentionGradient { qkv, parts }
}

/// With totals of about as many keys as there are.
fn case(name: impl Into<String>, call: AttentionGradient) -> Case {
    let statistics = statistics(&call, |_| false);
    let index = STATISTICS - usize::from(call.parts.iter().all(|part| part.validity().is_none()));
    Case::new(name, call).given(index, statistics)
}

/// Highest scores between ½ and 1, totals between ½ and 1 of the keys; 0 for the rows that are `blind`.
fn statistics(call: &AttentionGradient, blind: impl Fn(usize) -> bool) -> crate::tensor::Result<Tensor> {
    let Qkv { rows, heads, .. } = call.qkv;
    let keys = call.parts.iter().map(|part| part.sequences.tokens).max().unwrap_or(1);
    let mut values = Vec::with_capacity(2 * heads * rows);
    for plane in 0..2 * heads {
        for row in 0..rows {
            let share = 0.75 + 0.25 * ((plane * rows + row) as f32).sin();
            values.push(if blind(row) { 0.0 } else { share * if plane % 2 == 0 { 1.0 } else { keys as f32 } });
        }
    }
    Tensor::f32([heads, 2, rows], values)
}

fn valid(case: Case, validity: &[&[u32]]) -> Case {
    case.given(3, Tensor::u32([validity.len(), validity[0].len()], validity.concat()))
}

pub(super) fn cases() -> Vec<Case> {
    let joint = |batch, tokens, heads, width| planes(Sequences::joint(batch, tokens), heads, width, Mask::NONE);
    let mut cases = vec![
        case("one token", joint(1, 1, 1, 1)),
        case("a group less one", joint(1, 31, 1, 12)),
        case("a group and one", joint(1, 33, 1, 12)),
        case("two clips", joint(2, 17, 2, 12)),
        case("heads of width 1", joint(1, 37, 3, 1)),
        case("heads of width 5", joint(2, 70, 2, 5)),
        case("heads of width 80", joint(1, 35, 1, 80)),
        case("heads of width 256", joint(1, 9, 1, 256)),
        case("ViT-B clip, fewer tokens", joint(1, 150, 12, 64)),
        case("ViT-B clip", joint(1, 3137, 12, 64)).timed_only(),
        case("ViT-B spatial", planes(Sequences::spatial(1, 16, 196), 12, 64, Mask::NONE)).timed_only(),
        case("ViT-B temporal", planes(Sequences::temporal(1, 16, 196), 12, 64, Mask::NONE)).timed_only(),
        case("ViT-B temporal, fewer positions", planes(Sequences::temporal(1, 16, 20), 12, 64, Mask::NONE)),
        case("spatial, odd width", planes(Sequences::spatial(2, 3, 7), 2, 5, Mask::NONE)),
        case("temporal, odd width", planes(Sequences::temporal(2, 3, 7), 2, 5, Mask::NONE)),
        case("row by row", rows(Sequences::joint(2, 40), 3, 12, Mask::NONE)),
        case("row by row, odd width", rows(Sequences::joint(2, 21), 3, 5, Mask::NONE)),
        case("row by row, temporal", rows(Sequences::temporal(2, 3, 7), 2, 12, Mask::NONE)),
        case("factorised heads", factorised([2, 5, 6], Qkv::in_planes(60, 4, 12), Mask::NONE)),
        case("factorised heads, row by row", factorised([1, 4, 6], Qkv::in_rows(24, 2, 5), Mask::NONE)),
        case("groups in two dimensions", joint(2, 70, 4, 8)).workgroups(5),
        case("cut into pieces", rows(Sequences::temporal(6, 5, 7), 2, 4, Mask::NONE)).binding_bytes(4096),
    ];
    cases.extend(masks());
    cases
}

fn masks() -> Vec<Case> {
    let joint = |mask| planes(Sequences::joint(2, 19), 2, 12, mask);
    let mask = Mask::of(1, 6);
    let validity: &[&[u32]] = &[&[0, 1, 1], &[1, 0, 1]];
    let uniform = mask.validity().causal().empty_row(EmptyRow::Uniform);
    let mut cases = vec![
        case("causal", joint(mask.causal())),
        valid(case("some frames", joint(mask.validity())), validity),
        valid(case("some frames, causal", joint(mask.validity().causal())), validity),
        valid(case("no frame", joint(mask.validity())), &[&[0, 0, 0], &[1, 1, 1]]),
        case("causal over time", planes(Sequences::temporal(2, 5, 3), 2, 5, Mask::of(0, 1).causal())),
        case("factorised heads, causal", factorised([2, 5, 6], Qkv::in_planes(60, 2, 12), Mask::of(0, 1).causal())),
    ];
    for (name, mask) in [("zero", mask.validity().causal()), ("uniform", uniform)] {
        let call = joint(mask);
        // The tokens of the first clip's first frame see no key.
        let statistics = statistics(&call, |row| (1..7).contains(&row));
        cases.push(valid(case(format!("empty rows, {name}"), call), validity).given(STATISTICS, statistics));
    }
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let case = case("random", of(qkv, sequences, mask));
    // Few of few products that nearly cancel are not next to nothing.
    let positive = Fill::Between(0.25, 1.0);
    case.fill(1, positive.clone()).fill(0, positive)
}
