//! Shapes for the normaliser of attention.

use super::AttentionNormaliser;
use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::random::RandomAttention;
use crate::kernels::attention::sequences::{Part, Sequences};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Tensor, Tolerance};

/// Indices of the inputs of a case; that of the validity is for a case without weights.
const QUERY: usize = 0;
const KEY: usize = 1;
const WEIGHTS: usize = 2;
const VALIDITY: usize = 2;

/// All heads, without weights.
fn of(heads: usize, width: usize, sequences: Sequences, mask: Mask) -> AttentionNormaliser {
    let qkv = Qkv::in_planes(sequences.rows(), heads, width);
    AttentionNormaliser { qkv, part: Part { heads: 0..heads, sequences, mask }, weighted: false }
}

fn joint(batch: usize, tokens: usize, heads: usize, width: usize) -> AttentionNormaliser {
    of(heads, width, Sequences::joint(batch, tokens), Mask::NONE)
}

fn in_rows(call: AttentionNormaliser) -> AttentionNormaliser {
    let Qkv { rows, heads, width, .. } = call.qkv;
    AttentionNormaliser { qkv: Qkv::in_rows(rows, heads, width), ..call }
}

fn some_heads(call: AttentionNormaliser) -> AttentionNormaliser {
    let part = Part { heads: 1..3, ..call.part };
    AttentionNormaliser { part, ..call }
}

/// With the validity of two clips' five temporal indices.
fn valid(case: Case, validity: [u32; 10]) -> Case {
    case.given(VALIDITY, Tensor::u32([2, 5], validity.to_vec()))
}

/// With weights that `weight` gives the rows.
fn weighted(name: &str, call: AttentionNormaliser, weight: fn(usize) -> f32) -> Case {
    let rows = call.qkv.rows;
    let case = Case::new(name, AttentionNormaliser { weighted: true, ..call });
    case.given(WEIGHTS, Tensor::f32([rows], (0..rows).map(weight).collect::<Vec<_>>()))
}

/// With one row of a plane NaN.
fn poisoned(case: Case, index: usize, plane: usize, row: usize) -> Case {
    let Some(shape) = case.call.operands()[index].clone() else { return case };
    let (rows, width) = (shape.axes()[1], shape.last());
    let mut values: Vec<f32> = (0..shape.elements()).map(|at| (at as f32).sin()).collect();
    values[(plane * rows + row) * width..][..width].fill(f32::NAN);
    case.given(index, Tensor::f32(shape, values))
}

pub(super) fn cases() -> Vec<Case> {
    [shapes(), limits(), masks(), numbers()].concat()
}

/// Sizes, axes and layouts.
fn shapes() -> Vec<Case> {
    let in_time = Sequences::temporal(2, 5, 9);
    vec![
        Case::new("one token", joint(1, 1, 1, 1)),
        Case::new("a short tile less one", joint(2, 15, 2, 12)),
        Case::new("a short tile and one", joint(2, 17, 2, 12)),
        Case::new("a tile less one", joint(1, 63, 1, 64)),
        Case::new("a tile and one", joint(1, 65, 1, 64)),
        Case::new("heads of width 1", joint(1, 37, 3, 1)),
        Case::new("heads of width 5", joint(2, 70, 2, 5)),
        Case::new("heads of width 80", joint(1, 70, 1, 80)),
        Case::new("heads of width 256", joint(1, 70, 1, 256)),
        Case::new("heads of width 256, short", joint(1, 5, 1, 256)),
        Case::new("ViT-B frame", joint(1, 197, 12, 64)).timed(),
        Case::new("ViT-B clip", joint(1, 3137, 12, 64)).timed_only(),
        Case::new("ViT-B temporal", of(12, 64, Sequences::temporal(1, 16, 196), Mask::NONE)).timed(),
        Case::new("row by row", in_rows(joint(2, 70, 3, 64))),
        Case::new("temporal", of(4, 12, in_time, Mask::NONE)),
        Case::new("spatial", of(4, 12, Sequences::spatial(2, 5, 9), Mask::NONE)),
        Case::new("some heads", some_heads(of(4, 12, in_time, Mask::NONE))),
        Case::new("some heads, row by row", some_heads(in_rows(joint(2, 21, 4, 5)))),
        weighted("rows of weight 0 left out", joint(2, 41, 2, 12), |row| (row % 3) as f32),
        weighted("one row", joint(1, 300, 2, 64), |row| f32::from(u8::from(row == 211))),
        weighted("one frame", of(2, 12, Sequences::spatial(2, 5, 9), Mask::NONE), |row| {
            f32::from(u8::from(row / 9 == 3))
        }),
        weighted("a weight that is not a number", joint(1, 20, 1, 4), |row| if row == 7 { f32::NAN } else { 0.0 }),
    ]
}

/// What drivers and bindings limit.
fn limits() -> Vec<Case> {
    // A row adds up 65,539 exponentials.
    let running = Tolerance { relative_l2: 1e-5, share_of_peak: 2e-5 };
    let some = |row: usize| f32::from(u8::from(row.is_multiple_of(8_000)));
    let mask = Mask::of(1, 7).causal().validity();
    vec![
        weighted("more keys than loop iterations", joint(1, 65_539, 1, 1), some).tolerance(running),
        Case::new("more sequences than groups in a dimension", joint(65_537, 2, 1, 1)),
        Case::new("groups in two dimensions", joint(5, 70, 3, 12)).workgroups(14),
        Case::new("cut into pieces", joint(2, 36, 3, 12)).binding_bytes(2048),
        valid(
            Case::new("cut into pieces, masked", of(3, 12, Sequences::joint(2, 36), mask)).binding_bytes(2048),
            [0, 0, 1, 0, 1, 1, 1, 0, 0, 0],
        ),
        Case::new("cut into pieces, temporal", some_heads(of(4, 5, Sequences::temporal(2, 5, 9), Mask::NONE)))
            .binding_bytes(1536),
        weighted("cut into pieces, weighted", joint(2, 36, 3, 12), |row| (row % 2) as f32).binding_bytes(2048),
    ]
}

/// What queries do not see.
fn masks() -> Vec<Case> {
    let late = [0, 0, 1, 0, 1, 1, 1, 0, 0, 0];
    let of = |name: &str, mask| Case::new(name, of(2, 12, Sequences::joint(2, 36), mask));
    let in_time = Sequences::temporal(2, 5, 9);
    let temporal = |name: &str, mask| Case::new(name, self::of(2, 12, in_time, mask));
    vec![
        of("causal", Mask::of(1, 7).causal()),
        valid(of("invalid times", Mask::of(1, 7).validity()), late),
        valid(of("causal, invalid times", Mask::of(1, 7).causal().validity()), late),
        temporal("temporal, causal", Mask::of(0, 1).causal()),
        valid(temporal("temporal, invalid times", Mask::of(0, 1).validity()), [0; 10]),
    ]
}

/// Scores that invite overflow or are not numbers.
fn numbers() -> Vec<Case> {
    let wide = |name: &str, query, key| Case::new(name, joint(1, 70, 1, 64)).fill(QUERY, query).fill(KEY, key);
    let plain = |name: &str| Case::new(name, joint(1, 36, 1, 12));
    let later = || of(1, 12, Sequences::joint(1, 36), Mask::of(1, 7).causal());
    vec![
        wide("scores of 1e4 either way", Fill::Spread(200.0), Fill::Spread(200.0)),
        wide("scores around −1000", Fill::Constant(-0.125), Fill::Between(900.0, 1100.0)),
        wide("equal scores", Fill::Constant(0.0), Fill::Spread(1.0)),
        poisoned(plain("NaN in a query"), QUERY, 0, 20),
        poisoned(plain("NaN in a key"), KEY, 1, 35),
        poisoned(Case::new("NaN in a later key", later()), KEY, 1, 17),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let part = Part { heads: draw.part(qkv.heads), sequences, mask };
    let weighted = draw.chance();
    let case = Case::new("random", AttentionNormaliser { qkv, part, weighted });
    let validity = VALIDITY + usize::from(weighted);
    let case = if mask.validity { case.fill(validity, Fill::Words(2)) } else { case };
    let poisoned = draw.below(2);
    let case = draw.poisoned(case, poisoned);
    draw.limited(case)
}
