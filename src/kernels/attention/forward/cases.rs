//! Shapes for attention.

use crate::kernels::attention::forward::Attention;
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::random::RandomAttention;
use crate::kernels::attention::sequences::{Part, Sequences};
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::shader::Precision;
use crate::tensor::{Tensor, Tolerance};

/// Indices of the inputs of a case.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
const VALIDITY: usize = 3;

fn joint(batch: usize, tokens: usize, heads: usize, width: usize) -> Attention {
    masked(batch, tokens, heads, width, Mask::NONE)
}

fn masked(batch: usize, tokens: usize, heads: usize, width: usize, mask: Mask) -> Attention {
    Attention::new(Qkv::in_planes(batch * tokens, heads, width), Sequences::joint(batch, tokens), mask)
}

fn spatial(batch: usize, times: usize, positions: usize, heads: usize, width: usize) -> Attention {
    let qkv = Qkv::in_planes(batch * times * positions, heads, width);
    Attention::new(qkv, Sequences::spatial(batch, times, positions), Mask::NONE)
}

fn temporal(batch: usize, times: usize, positions: usize, heads: usize, width: usize, mask: Mask) -> Attention {
    let qkv = Qkv::in_planes(batch * times * positions, heads, width);
    Attention::new(qkv, Sequences::temporal(batch, times, positions), mask)
}

/// Temporal heads, then spatial ones.
fn factorised(batch: usize, times: usize, positions: usize, qkv: Qkv, mask: Mask) -> Attention {
    let temporal = Sequences::temporal(batch, times, positions);
    Attention::halves(qkv, (temporal, mask), (Sequences::spatial(batch, times, positions), Mask::NONE))
}

/// `case` with this validity of each clip's temporal indices.
fn valid(case: Case, validity: &[&[u32]]) -> Case {
    case.given(VALIDITY, Tensor::u32([validity.len(), validity[0].len()], validity.concat()))
}

/// `case` with the rows `[plane, row]` of input `index` NaN.
fn poisoned(case: Case, index: usize, rows: &[[usize; 2]]) -> Case {
    let Some(shape) = case.call.operands()[index].clone() else { return case };
    let [tokens, width] = [shape.axes()[1], shape.last()];
    let mut values: Vec<f32> = (0..shape.elements()).map(|at| (at as f32).sin()).collect();
    for [plane, row] in rows {
        values[(plane * tokens + row) * width..][..width].fill(f32::NAN);
    }
    case.given(index, Tensor::f32(shape, values))
}

pub(super) fn cases() -> Vec<Case> {
    let cases = [shapes(), limits(), masks(), numbers(), statistics()].concat();
    let halves = halves(&cases);
    [cases, halves].concat()
}

/// Operations up to which a case is quick.
const QUICK: u64 = 1 << 29;

/// The cases that are quick and those that are timed, of halves; some with outputs that a kernel of halves reads next.
fn halves(cases: &[Case]) -> Vec<Case> {
    let of = |name: &str, case: Case| Case { name: format!("{name}, {}", case.name), ..case }.precision(Precision::F16);
    let quick = |case: &&Case| case.timed || case.call.cost(Precision::F32).operations < QUICK;
    let read = cases.iter().filter(quick).map(|case| of("f16", case.clone()));
    let in_rows = |sequences| Attention::new(Qkv::in_rows(42, 3, 5), sequences, Mask::NONE);
    let left = [
        Case::new("a short tile and one", joint(2, 17, 2, 12)),
        Case::new("a tile and one", joint(1, 65, 1, 64)),
        Case::new("some queries", joint(2, 40, 2, 12).queries(7..23)),
        Case::new("row by row, odd width", in_rows(Sequences::joint(2, 21))),
        Case::new("statistics", joint(2, 70, 2, 5).statistics()),
        Case::new("cut into pieces", factorised(2, 5, 6, Qkv::in_rows(60, 2, 5), Mask::of(0, 1).causal()))
            .binding_bytes(1 << 12),
        poisoned(Case::new("NaN in a value", joint(1, 36, 1, 12)), VALUE, &[[2, 3]]),
    ];
    read.chain(left.map(|case| of("f16, left as f16", case).leaving_halves())).collect()
}

/// Sizes, axes and layouts.
fn shapes() -> Vec<Case> {
    let in_rows =
        |rows, heads, width, sequences| Attention::new(Qkv::in_rows(rows, heads, width), sequences, Mask::NONE);
    vec![
        Case::new("one token", joint(1, 1, 1, 1)),
        Case::new("a short tile less one", joint(2, 15, 2, 12)),
        Case::new("a short tile and one", joint(2, 17, 2, 12)),
        Case::new("a tile of keys less one", joint(1, 31, 1, 64)),
        Case::new("a tile less one", joint(1, 63, 1, 64)),
        Case::new("a tile", joint(2, 64, 1, 64)),
        Case::new("a tile and one", joint(1, 65, 1, 64)),
        Case::new("heads of width 1", joint(1, 37, 3, 1)),
        Case::new("heads of width 5", joint(2, 70, 2, 5)),
        Case::new("heads of width 80", joint(1, 70, 1, 80)),
        Case::new("heads of width 256", joint(1, 70, 1, 256)),
        Case::new("heads of width 256, short", joint(1, 5, 1, 256)),
        Case::new("ViT-B frame", joint(1, 197, 12, 64)).timed(),
        Case::new("ViT-B clip", joint(1, 3137, 12, 64)).timed_only(),
        Case::new("ViT-B clip, some queries", joint(1, 3137, 2, 64).queries(1500..1580)),
        Case::new("ViT-B clip, fewer tokens", joint(1, 300, 12, 64)),
        Case::new("ViT-B clip, class token", joint(1, 3137, 12, 64).queries(0..1)).timed(),
        Case::new("ViT-B spatial", spatial(1, 16, 196, 12, 64)).timed_only(),
        Case::new("ViT-B spatial, two frames", spatial(1, 2, 196, 12, 64)),
        Case::new("ViT-B temporal", temporal(1, 16, 196, 12, 64, Mask::NONE)).timed(),
        Case::new("ViT-H temporal", temporal(1, 16, 5, 4, 80, Mask::NONE)),
        Case::new("spatial, odd width", spatial(2, 3, 7, 2, 5)),
        Case::new("temporal, odd width", temporal(2, 3, 7, 2, 5, Mask::NONE)),
        Case::new("factorised heads", factorised(2, 5, 18, Qkv::in_planes(180, 4, 64), Mask::NONE)),
        Case::new("factorised heads, row by row", factorised(1, 4, 6, Qkv::in_rows(24, 2, 12), Mask::NONE)),
        Case::new("row by row", in_rows(2 * 70, 3, 64, Sequences::joint(2, 70))),
        Case::new("row by row, odd width", in_rows(2 * 21, 3, 5, Sequences::joint(2, 21))),
        Case::new("row by row, temporal", in_rows(2 * 3 * 7, 2, 12, Sequences::temporal(2, 3, 7))),
    ]
}

/// What drivers and bindings limit.
fn limits() -> Vec<Case> {
    let cut =
        |call: Attention, bytes| Case::new(format!("cut into bindings of {bytes} bytes"), call).binding_bytes(bytes);
    let odd = |mut case: Case, name: &str| {
        case.name += name;
        case
    };
    let mask = Mask::of(1, 4).causal().validity();
    // The mean of 65,539 random values is 1/200 of a value, of which running sums keep fewer digits.
    let running = Tolerance { relative_l2: 1e-5, share_of_peak: 2e-5 };
    vec![
        Case::new("more keys than loop iterations", joint(1, 65_539, 1, 4).queries(0..3)).tolerance(running),
        Case::new("more keys than loop iterations, odd width", joint(1, 65_539, 1, 1).queries(65_530..65_539))
            .tolerance(running),
        Case::new("more sequences than groups in a dimension", temporal(1, 2, 65_537, 1, 1, Mask::NONE)),
        Case::new("more sequences than groups in a dimension, cut", spatial(1, 65_537, 2, 1, 1)).binding_bytes(1 << 16),
        Case::new("groups in two dimensions", joint(5, 70, 3, 12)).workgroups(14),
        cut(joint(3, 40, 4, 12), 1 << 11),
        odd(cut(masked(3, 41, 3, 5, mask), 1 << 11), ", masked, odd width"),
        odd(cut(temporal(3, 4, 11, 4, 12, Mask::of(0, 1).validity()), 1 << 12), ", temporal"),
        odd(
            cut(factorised(2, 5, 6, Qkv::in_rows(60, 2, 5), Mask::of(0, 1).causal()), 1 << 13),
            ", factorised, row by row",
        ),
        odd(cut(joint(2, 40, 2, 12).queries(7..23), 1 << 11), ", some queries"),
    ]
}

/// With the statistics as a second output.
fn statistics() -> Vec<Case> {
    let late: &[&[u32]] = &[&[0, 0, 1, 0, 1], &[1, 1, 0, 0, 0]];
    let of = |name: &str, call: Attention| Case::new(format!("statistics, {name}"), call.statistics());
    let with_class = Mask::of(1, 7).causal().validity();
    let uniform = |mask: Mask| mask.empty_row(EmptyRow::Uniform);
    let narrow = |mask| masked(1, 36, 1, 12, mask);
    let far = |case: Case, query, key| case.fill(QUERY, query).fill(KEY, key);
    let in_rows = Attention::new(Qkv::in_rows(42, 3, 5), Sequences::joint(2, 21), Mask::NONE);
    // Of a score of 1000 f32 keeps 5e-4, which is the share of a weight that is lost.
    let blurred = Tolerance { relative_l2: 2e-3, share_of_peak: 4e-3 };
    vec![
        of("one token", joint(1, 1, 1, 1)),
        of("a short tile and one", joint(2, 17, 2, 12)),
        of("a tile and one", joint(1, 65, 2, 64)),
        of("odd width", joint(2, 70, 2, 5)),
        of("heads of width 256", joint(1, 70, 1, 256)),
        of("row by row", in_rows),
        of("ViT-B frame", joint(1, 197, 12, 64)).timed(),
        of("ViT-B clip", joint(1, 3137, 12, 64)).timed_only(),
        of("ViT-B clip, fewer tokens", joint(1, 300, 2, 64)),
        of("some queries", joint(2, 40, 2, 12).queries(7..23)),
        of("factorised", factorised(2, 5, 18, Qkv::in_planes(180, 4, 64), Mask::NONE)),
        of("causal", masked(2, 36, 2, 12, Mask::of(1, 7).causal())),
        valid(of("invalid times", masked(2, 36, 2, 12, Mask::of(1, 7).validity())), late),
        valid(of("causal, empty rows zero", masked(2, 36, 2, 12, with_class)), late),
        valid(of("causal, empty rows uniform", masked(2, 36, 2, 12, uniform(with_class))), late),
        valid(of("temporal heads masked, spatial ones not", mixed_heads()), late),
        of("cut into pieces", joint(3, 40, 4, 12)).binding_bytes(1 << 11),
        of("cut into pieces, some queries", joint(2, 40, 2, 12).queries(7..23)).binding_bytes(1 << 11),
        valid(of("cut into pieces, masked", masked(2, 36, 3, 5, with_class)), late).binding_bytes(1 << 11),
        of("cut into pieces, factorised", factorised(2, 5, 6, Qkv::in_rows(60, 2, 5), Mask::of(0, 1).causal()))
            .binding_bytes(1 << 13),
        far(of("scores around 1000", joint(1, 70, 1, 64)), Fill::Constant(0.125), Fill::Between(900.0, 1100.0))
            .tolerance(blurred),
        poisoned(of("NaN in a query", narrow(Mask::NONE)), QUERY, &[[0, 20]]),
        poisoned(of("NaN in a key", narrow(Mask::NONE)), KEY, &[[1, 35]]),
        poisoned(of("NaN in a later key", narrow(Mask::of(1, 7).causal())), KEY, &[[1, 17]]),
        poisoned(of("NaN in a later value", narrow(Mask::of(1, 7).causal())), VALUE, &[[2, 17]]),
        poisoned(of("NaN in a value", narrow(Mask::NONE)), VALUE, &[[2, 3]]),
    ]
}

/// Every line of the table of masks.
fn masks() -> Vec<Case> {
    let holes: &[&[u32]] = &[&[1, 0, 1, 1, 0], &[0, 1, 1, 0, 1]];
    let late: &[&[u32]] = &[&[0, 0, 1, 0, 1], &[1, 1, 0, 0, 0]];
    let of = |name: &str, mask| Case::new(name, masked(2, mask_tokens(&mask), 2, 12, mask));
    let (patches, with_class) = (Mask::of(0, 7), Mask::of(1, 7));
    let (frames, frames_with_class) = (Mask::of(0, 1), Mask::of(1, 1));
    let uniform = |mask: Mask| mask.empty_row(EmptyRow::Uniform);
    let in_time = |name: &str, mask| Case::new(name, temporal(2, 5, 9, 2, 12, mask));
    vec![
        of("joint, causal", patches.causal()),
        of("joint, causal, class token", with_class.causal()),
        of("joint, two class tokens, causal", Mask::of(2, 7).causal()),
        valid(of("joint, invalid times", patches.validity()), holes),
        valid(of("joint, invalid times, class token", with_class.validity()), holes),
        valid(of("joint, causal, invalid times", patches.causal().validity()), holes),
        valid(of("joint, causal, empty rows zero", with_class.causal().validity()), late),
        valid(of("joint, causal, empty rows uniform", uniform(with_class.causal().validity())), late),
        valid(of("frames, causal, invalid times", frames.causal().validity()), holes),
        valid(of("frames, class token, causal", frames_with_class.causal().validity()), late),
        valid(of("nothing valid, zero", patches.validity()), &[&[0; 5], &[1; 5]]),
        valid(of("nothing valid, uniform", uniform(patches.validity())), &[&[0; 5], &[1; 5]]),
        in_time("temporal, causal", frames.causal()),
        valid(in_time("temporal, invalid times", frames.validity()), holes),
        valid(in_time("temporal, causal, empty rows uniform", uniform(frames.causal().validity())), late),
        valid(Case::new("temporal heads masked, spatial ones not", mixed_heads()), late),
        valid(Case::new("validity in the second part only", second_masked()), holes),
        valid(Case::new("ViT-B tubelets, causal, invalid times", of_tubelets()), &[&[1, 0, 1, 1], &[1, 1, 1, 0]]),
    ]
}

/// The tokens of five temporal indices.
fn mask_tokens(mask: &Mask) -> usize {
    mask.class_tokens + 5 * mask.tokens_per_time
}

fn mixed_heads() -> Attention {
    factorised(2, 5, 9, Qkv::in_planes(90, 4, 12), Mask::of(0, 1).causal().validity())
}

fn second_masked() -> Attention {
    let qkv = Qkv::in_planes(90, 3, 12);
    let part = |heads, mask| Part { heads, sequences: Sequences::joint(2, 45), mask };
    let parts = vec![part(2..3, Mask::NONE), part(0..2, Mask::of(0, 9).validity())];
    Attention { qkv, parts, queries: None, statistics: false }
}

fn of_tubelets() -> Attention {
    masked(2, 1 + 4 * 49, 2, 64, Mask::of(1, 49).causal().validity())
}

/// Scores and values that invite overflow or spread NaN.
fn numbers() -> Vec<Case> {
    let holes = Mask::of(1, 7).validity();
    let of = |name: &str, mask| Case::new(name, masked(1, 36, 1, 12, mask));
    let wide = |name: &str, query, key| Case::new(name, joint(1, 70, 1, 64)).fill(QUERY, query).fill(KEY, key);
    // Of a score of 1000 f32 keeps 5e-4, which is the share of a weight that is lost.
    let blurred = Tolerance { relative_l2: 2e-3, share_of_peak: 4e-3 };
    vec![
        wide("scores of 1e4 either way", Fill::Spread(200.0), Fill::Spread(200.0)),
        wide("scores around 1000", Fill::Constant(0.125), Fill::Between(900.0, 1100.0)).tolerance(blurred),
        wide("scores around 0", Fill::Spread(1e-3), Fill::Spread(1e-3)),
        poisoned(valid(of("NaN in keys of an invalid time", holes), &[&[1, 0, 1, 1, 0]]), KEY, &[[1, 9], [1, 35]]),
        poisoned(valid(of("NaN in values of an invalid time", holes), &[&[1, 0, 1, 1, 0]]), VALUE, &[[2, 9], [2, 35]]),
        poisoned(of("NaN in a later key", Mask::of(1, 7).causal()), KEY, &[[1, 17]]),
        poisoned(of("NaN in a later value", Mask::of(1, 7).causal()), VALUE, &[[2, 17]]),
        poisoned(of("NaN in a key", Mask::NONE), KEY, &[[1, 35]]),
        poisoned(of("NaN in a value", Mask::NONE), VALUE, &[[2, 3]]),
        poisoned(of("NaN in a query", Mask::NONE), QUERY, &[[0, 20]]),
        Case::new("equal scores", joint(1, 70, 1, 12)).fill(QUERY, Fill::Constant(0.0)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let RandomAttention { qkv, sequences, mask } = RandomAttention::drawn(draw);
    let call = match (qkv.heads > 1, draw.below(3)) {
        (_, 1) => Attention::new(qkv, sequences, mask).queries(draw.part(sequences.tokens)),
        (true, 2) => Attention::halves(qkv, (sequences, mask), (sequences, Mask::NONE)),
        _ => Attention::new(qkv, sequences, mask),
    };
    let call = if draw.chance() { call.statistics() } else { call };
    let few = call.rows() * call.columns() < FEW;
    let masked = mask.validity;
    let case = Case::new("random", call);
    // The mean of values of one sign is not next to nothing.
    let case = if few { case.fill(VALUE, Fill::Between(0.25, 1.0)) } else { case };
    let case = if masked { case.fill(VALIDITY, Fill::Words(2)) } else { case };
    let poisoned = draw.below(3);
    let case = draw.poisoned(case, poisoned);
    let case = if draw.one_in(4) { case.precision(Precision::F16) } else { case };
    draw.limited(case)
}
