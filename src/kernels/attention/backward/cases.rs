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

/// Indices of the inputs of a case; without a validity those from the statistics on are one less.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
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
        case("a short tile less one", joint(2, 15, 2, 12)),
        case("a short tile", joint(1, 16, 2, 12)),
        case("a group less one", joint(1, 31, 1, 12)),
        case("a group", joint(2, 32, 1, 64)),
        case("a group and one", joint(1, 33, 1, 12)),
        case("two clips", joint(2, 17, 2, 12)),
        case("two tiles", joint(1, 64, 1, 64)),
        case("two tiles and one", joint(1, 65, 2, 64)),
        case("heads of width 1", joint(1, 37, 3, 1)),
        case("heads of width 5", joint(2, 70, 2, 5)),
        case("heads of width 80", joint(1, 35, 1, 80)),
        case("heads of width 128, short", joint(1, 9, 1, 128)),
        case("heads of width 128", joint(1, 33, 1, 128)),
        case("heads of width 256, short", joint(1, 9, 1, 256)),
        case("heads of width 256", joint(1, 33, 1, 256)),
        case("ViT-B clip, fewer tokens", joint(1, 300, 2, 64)),
        case("more keys than the host takes at once", joint(1, 257, 1, 12)),
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
        case("groups in two dimensions", joint(2, 70, 4, 8)).workgroups(7),
        case("cut into pieces", rows(Sequences::temporal(6, 5, 7), 2, 4, Mask::NONE)).binding_bytes(4096),
        // What a head writes of keys and values fits a binding, what it writes of queries, keys and values does not.
        case("cut into planes", planes(Sequences::temporal(6, 5, 7), 2, 4, Mask::NONE)).binding_bytes(8192),
        case("cut between tokens", joint(1, 70, 1, 4)).binding_bytes(2048),
    ];
    cases.extend(masks());
    cases.extend(not_numbers());
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
    // Of two tiles.
    let long = |mask| planes(Sequences::joint(2, 37), 2, 12, mask);
    let halves = Mask::of(1, 12);
    cases.extend([
        case("several tiles, causal", long(halves.causal())),
        valid(case("several tiles, some frames", long(halves.validity())), validity),
        valid(case("several tiles, some frames, causal", long(halves.validity().causal())), validity),
        case("two class tokens, causal", planes(Sequences::joint(1, 44), 2, 12, Mask::of(2, 7).causal())),
    ]);
    for (name, mask) in [("zero", mask.validity().causal()), ("uniform", uniform)] {
        let call = joint(mask);
        // The tokens of the first clip's first frame see no key.
        let statistics = statistics(&call, |row| (1..7).contains(&row));
        cases.push(valid(case(format!("empty rows, {name}"), call), validity).given(STATISTICS, statistics));
    }
    for (name, empty_row) in [("zero", EmptyRow::Zero), ("uniform", EmptyRow::Uniform)] {
        let call = long(halves.validity().causal().empty_row(empty_row));
        let statistics = statistics(&call, |row| (1..13).contains(&row));
        let case = case(format!("several tiles, empty rows, {name}"), call);
        cases.push(valid(case, validity).given(STATISTICS, statistics));
    }
    cases
}

/// What is not a number spoils what depends on it, and nothing else: neither in a workgroup that has all keys, nor in one of
/// several.
fn not_numbers() -> Vec<Case> {
    let (last, hidden): (&[u32], &[u32]) = (&[1, 1, 0], &[0, 1, 1]);
    let mut cases = Vec::new();
    for (tokens, per_time) in [(19, 6), (37, 12)] {
        let mask = Mask::of(1, per_time);
        let of = |what: &str, mask| {
            let call = planes(Sequences::joint(1, tokens), 2, 12, mask);
            case(format!("NaN in {what}, {tokens} tokens"), call)
        };
        cases.extend([
            poisoned(of("a query", Mask::NONE), QUERY, [0, 5]),
            poisoned(of("a key", Mask::NONE), KEY, [2, tokens - 1]),
            poisoned(of("a value", Mask::NONE), VALUE, [4, tokens - 1]),
            poisoned(of("an early query", mask.causal()), QUERY, [0, 1]),
            poisoned(of("a later key", mask.causal()), KEY, [2, tokens - 1]),
            poisoned(of("a later value", mask.causal()), VALUE, [4, tokens - 1]),
            poisoned(valid(of("a key of an invalid time", mask.validity()), &[last]), KEY, [2, tokens - 1]),
            poisoned(valid(of("a value of an invalid time", mask.validity()), &[hidden]), VALUE, [4, 1]),
        ]);
    }
    cases
}

/// `case` with the row `[plane, row]` of input `index` NaN.
fn poisoned(case: Case, index: usize, [plane, row]: [usize; 2]) -> Case {
    let Some(shape) = case.call.operands()[index].clone() else { return case };
    let [tokens, width] = [shape.axes()[1], shape.last()];
    let mut values: Vec<f32> = (0..shape.elements()).map(|at| (at as f32).sin()).collect();
    values[(plane * tokens + row) * width..][..width].fill(f32::NAN);
    case.given(index, Tensor::f32(shape, values))
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let case = case("random", of(qkv, sequences, mask));
    // Few of few products that nearly cancel are not next to nothing.
    let positive = Fill::Between(0.25, 1.0);
    let masked = case.call.operands()[3].is_some();
    let case = if masked { case.fill(3, Fill::Words(2)) } else { case };
    case.fill(KEY, positive.clone()).fill(QUERY, positive)
}
