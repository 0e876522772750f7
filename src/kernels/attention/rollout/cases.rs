//! Shapes for attention rollout.

use super::{AttentionRollout, ROLLOUT};
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::normaliser::AttentionNormaliser;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::random::RandomAttention;
use crate::kernels::attention::sequences::{Part, Sequences};
use crate::kernels::contract::{Case, Draw, FEW, Fill, rounded_reference};
use crate::tensor::{Error, Shape, Tensor, Tolerance};

/// Indices of the inputs of a case; without a base, that of the validity is one less.
const QUERY: usize = 0;
const KEY: usize = 1;
const NORMALISER: usize = 2;
const WEIGHTS: usize = 3;
const BASE: usize = 4;
const VALIDITY: usize = 5;

/// A step of rollout through all heads.
fn of(heads: usize, width: usize, sequences: Sequences, mask: Mask) -> AttentionRollout {
    let qkv = Qkv::in_planes(sequences.rows(), heads, width);
    AttentionRollout {
        qkv,
        part: Part { heads: 0..heads, sequences, mask },
        normalised: 0..heads,
        keep: Some(ROLLOUT),
        pass: ROLLOUT,
    }
}

fn joint(batch: usize, tokens: usize, heads: usize, width: usize) -> AttentionRollout {
    of(heads, width, Sequences::joint(batch, tokens), Mask::NONE)
}

fn in_rows(call: AttentionRollout) -> AttentionRollout {
    let Qkv { rows, heads, width, .. } = call.qkv;
    AttentionRollout { qkv: Qkv::in_rows(rows, heads, width), ..call }
}

fn some_heads(call: AttentionRollout) -> AttentionRollout {
    let part = Part { heads: 1..3, ..call.part };
    AttentionRollout { part, normalised: 1..3, ..call }
}

/// The same heads with the normaliser of all, as attention writes it.
fn of_all_heads(call: AttentionRollout) -> AttentionRollout {
    AttentionRollout { normalised: 0..call.qkv.heads, ..some_heads(call) }
}

/// `call` with weights as rollout has them, none below 0, and with the normaliser of some other queries and keys: what a
/// right one costs to compute, few cases need.
fn case(name: &str, call: AttentionRollout) -> Case {
    Case::new(name, call).fill(NORMALISER, Fill::Between(1.0, 2.0)).fill(WEIGHTS, Fill::Between(0.0, 1.0))
}

/// With the weights that `weight` gives the rows.
fn weighted(case: Case, weight: impl Fn(usize) -> f32) -> Case {
    let rows = case.call.operands()[WEIGHTS].as_ref().map_or(0, Shape::elements);
    case.given(WEIGHTS, Tensor::f32([rows], (0..rows).map(weight).collect::<Vec<_>>()))
}

fn one_row(row: usize) -> impl Fn(usize) -> f32 {
    move |index| f32::from(u8::from(index == row))
}

/// With the validity of two clips' five temporal indices.
fn valid(case: Case, validity: [u32; 10]) -> Case {
    let based = case.call.operands()[BASE].is_some();
    case.given(if based { VALIDITY } else { VALIDITY - 1 }, Tensor::u32([2, 5], validity.to_vec()))
}

/// With one row of a plane of the queries or keys NaN.
fn poisoned(case: Case, index: usize, plane: usize, row: usize) -> Case {
    let Some(shape) = case.call.operands()[index].clone() else { return case };
    let (rows, width) = (shape.axes()[1], shape.last());
    let mut values: Vec<f32> = (0..shape.elements()).map(|at| (at as f32).sin()).collect();
    values[(plane * rows + row) * width..][..width].fill(f32::NAN);
    case.given(index, Tensor::f32(shape, values))
}

/// With the normaliser of its own queries and keys: `call` is what `case` calls.
fn normalised(case: Case, call: &AttentionRollout) -> Case {
    let AttentionRollout { qkv, part, .. } = call.clone();
    let normaliser = case.tensors().and_then(|tensors| {
        let [query, key, weights, validity] = [QUERY, KEY, WEIGHTS, VALIDITY].map(|index| tensors[index].as_ref());
        let outputs =
            rounded_reference(&AttentionNormaliser { qkv, part, weighted: true }, &[query, key, weights, validity])?;
        outputs.into_iter().next().ok_or_else(|| Error::usage("a normaliser has one output"))
    });
    case.given(NORMALISER, normaliser)
}

pub(super) fn cases() -> Vec<Case> {
    [shapes(), switches(), limits(), masks(), numbers()].concat()
}

/// Sizes, axes and layouts.
fn shapes() -> Vec<Case> {
    let in_time = Sequences::temporal(2, 5, 9);
    vec![
        case("one token", joint(1, 1, 1, 1)),
        case("a short tile less one", joint(2, 15, 2, 12)),
        case("a short tile and one", joint(2, 17, 2, 12)),
        case("a tile less one", joint(1, 31, 1, 64)),
        case("a tile and one", joint(1, 33, 1, 64)),
        case("two tiles and one", joint(1, 65, 2, 64)),
        case("heads of width 1", joint(1, 37, 3, 1)),
        case("heads of width 5", joint(2, 70, 2, 5)),
        case("heads of width 80", joint(1, 70, 1, 80)),
        case("heads of width 256", joint(1, 70, 1, 256)),
        case("heads of width 256, short", joint(1, 5, 1, 256)),
        case("ViT-B frame", joint(1, 197, 12, 64)).timed(),
        case("ViT-B clip", joint(1, 3137, 12, 64)).timed_only(),
        case("ViT-B clip, fewer tokens", joint(1, 700, 3, 64)),
        weighted(case("ViT-B clip, class token", joint(1, 3137, 12, 64)), one_row(0)),
        case("ViT-B temporal", of(12, 64, Sequences::temporal(1, 16, 196), Mask::NONE)).timed(),
        case("row by row", in_rows(joint(2, 70, 3, 64))),
        case("temporal", of(4, 12, in_time, Mask::NONE)),
        case("spatial", of(4, 12, Sequences::spatial(2, 5, 9), Mask::NONE)),
        case("some heads", some_heads(of(4, 12, in_time, Mask::NONE))),
        case("some heads, normaliser of all", of_all_heads(of(4, 12, in_time, Mask::NONE))),
        case("some heads, row by row", some_heads(in_rows(joint(2, 21, 4, 5)))),
    ]
}

/// Calls with and without a base, and weights that are 0.
fn switches() -> Vec<Case> {
    let alone = |call| AttentionRollout { keep: None, pass: 1.0, ..call };
    let of = |name: &str| case(name, joint(2, 41, 2, 12));
    let spatial = case("one frame", self::of(2, 12, Sequences::spatial(2, 5, 9), Mask::NONE));
    vec![
        case("without a base", alone(joint(2, 41, 2, 12))),
        case("added to another", AttentionRollout { keep: Some(1.0), pass: 0.25, ..joint(2, 41, 2, 12) }),
        weighted(case("one query, without a base", alone(joint(1, 300, 2, 64))), one_row(211)),
        weighted(spatial, |row| f32::from(u8::from(row / 9 == 3))),
        weighted(of("every third row"), |row| (row % 3) as f32),
        weighted(of("no row"), |_| 0.0),
        of("weights of both signs").fill(WEIGHTS, Fill::Spread(1.0)),
    ]
}

/// What drivers and bindings limit.
fn limits() -> Vec<Case> {
    let masked = of(3, 12, Sequences::joint(2, 36), Mask::of(1, 7).causal().validity());
    let temporal = some_heads(of(4, 5, Sequences::temporal(2, 5, 9), Mask::NONE));
    let all_heads = of_all_heads(of(4, 5, Sequences::temporal(2, 5, 9), Mask::NONE));
    let without_base = AttentionRollout { keep: None, ..joint(2, 36, 3, 12) };
    vec![
        case("more heads than loop iterations", joint(1, 64, 5_000, 1)),
        case("more sequences than groups in a dimension", joint(65_537, 2, 1, 1)),
        case("groups in two dimensions", joint(9, 70, 3, 12)).workgroups(14),
        case("cut into pieces", joint(2, 36, 3, 12)).binding_bytes(2048),
        valid(case("cut into pieces, masked", masked), LATE).binding_bytes(2048),
        case("cut into pieces, temporal", temporal).binding_bytes(1536),
        case("cut into pieces, normaliser of all heads", all_heads).binding_bytes(1536),
        case("cut into pieces, without a base", without_base).binding_bytes(2048),
    ]
}

/// The validity of two clips of which one begins late and the other ends early.
const LATE: [u32; 10] = [0, 0, 1, 0, 1, 1, 1, 0, 0, 0];

/// What queries do not see.
fn masks() -> Vec<Case> {
    let with_class = Mask::of(1, 7);
    let alone = Mask::of(0, 1);
    let uniform = |mask: Mask| mask.empty_row(EmptyRow::Uniform);
    let masked = |name: &str, sequences, mask: Mask, validity| {
        let call = of(2, 12, sequences, mask);
        let case = case(name, call.clone());
        normalised(if mask.validity { valid(case, validity) } else { case }, &call)
    };
    let joint = |name: &str, mask| masked(name, Sequences::joint(2, 36), mask, LATE);
    let temporal = |name: &str, mask, validity| masked(name, Sequences::temporal(2, 5, 9), mask, validity);
    vec![
        joint("causal", with_class.causal()),
        joint("two class tokens, causal", Mask::of(2, 34).causal()),
        joint("invalid times", with_class.validity()),
        joint("causal, empty rows zero", with_class.causal().validity()),
        joint("causal, empty rows uniform", uniform(with_class.causal().validity())),
        temporal("temporal, causal", alone.causal(), LATE),
        temporal("temporal, empty rows uniform", uniform(alone.causal().validity()), LATE),
        temporal("temporal, nothing valid, zero", alone.validity(), [0; 10]),
        temporal("temporal, nothing valid, uniform", uniform(alone.validity()), [0; 10]),
    ]
}

/// Scores that invite overflow, long sums, and what is not a number.
fn numbers() -> Vec<Case> {
    // Of a score of 1000 f32 keeps 5e-4, which is the share of a probability that is lost.
    let blurred = Tolerance { relative_l2: 2e-3, share_of_peak: 4e-3 };
    let (wide, narrow, long) = (joint(1, 70, 1, 64), joint(1, 36, 1, 12), joint(1, 3137, 1, 1));
    let later = of(1, 12, Sequences::joint(1, 36), Mask::of(1, 7).causal());
    let odd = |row: usize, value| move |index| if index == row { value } else { 1.0 };
    let far = case("scores of 1e4 either way", wide.clone()).fill(QUERY, Fill::Spread(200.0));
    let high = case("scores around 1000", wide.clone()).fill(QUERY, Fill::Constant(0.125));
    let equal = case("equal scores and weights", long.clone()).fill(QUERY, Fill::Constant(0.0));
    let in_query = poisoned(case("NaN in a query", narrow.clone()), QUERY, 0, 20);
    let in_idle = poisoned(case("NaN in a query of weight 0", narrow.clone()), QUERY, 0, 20);
    let in_key = poisoned(case("NaN in a key", narrow.clone()), KEY, 1, 35);
    let in_later = poisoned(case("NaN in a later key", later.clone()), KEY, 1, 17);
    let in_weight = case("a weight that is not a number", narrow.clone());
    let in_masked_weight = case("a weight that is not a number, causal", later.clone());
    vec![
        normalised(far.fill(KEY, Fill::Spread(200.0)), &wide).tolerance(blurred),
        normalised(high.fill(KEY, Fill::Between(900.0, 1100.0)), &wide).tolerance(blurred),
        normalised(equal.fill(WEIGHTS, Fill::Constant(1.0 / 3137.0)), &long),
        normalised(in_query, &narrow),
        normalised(weighted(in_idle, odd(20, 0.0)), &narrow),
        normalised(in_key, &narrow),
        normalised(in_later, &later),
        normalised(weighted(in_weight, odd(7, f32::NAN)), &narrow),
        normalised(weighted(in_masked_weight, odd(7, f32::NAN)), &later),
    ]
}

/// Of weights and, where there are few rows, a base that are not below 0: what is handed on is not next to nothing.
pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let heads = draw.part(qkv.heads);
    let normalised = if draw.chance() { 0..qkv.heads } else { heads.clone() };
    let keep = draw.one_of(&[None, Some(ROLLOUT), Some(1.0)]);
    let pass = draw.one_of(&[1.0, ROLLOUT, 0.25]);
    let few = qkv.rows < FEW;
    let part = Part { heads, sequences, mask };
    let case = case("random", AttentionRollout { qkv, part, normalised, keep, pass });
    let case = if few && keep.is_some() { case.fill(BASE, Fill::Between(0.25, 1.0)) } else { case };
    let validity = if keep.is_some() { VALIDITY } else { VALIDITY - 1 };
    let case = if mask.validity { case.fill(validity, Fill::Words(2)) } else { case };
    draw.limited(case)
}
