//! Shapes for the linear layer.

use super::{Linear, OutputLayout};
use crate::kernels::activation::Activation;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::shader::{Precision, WorkgroupTile};
use crate::tensor::{Tensor, Tolerance};

/// M × K by N × K, with nothing after the product.
fn of(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear { rows, inner, columns, bias: false, activation: None, residual: false, output: OutputLayout::Rows }
}

fn biased(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear { bias: true, ..of(rows, inner, columns) }
}

fn activated(activation: Activation, call: Linear) -> Linear {
    Linear { activation: Some(activation), ..call }
}

fn residual(call: Linear) -> Linear {
    Linear { residual: true, ..call }
}

fn planes(width: usize, call: Linear) -> Linear {
    Linear { output: OutputLayout::Planes { width }, ..call }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(layers_of_vit_b());
    cases.extend(switches());
    cases.extend(pieces());
    cases.extend(poisoned());
    cases.extend(WorkgroupTile::ALL.into_iter().flat_map(edges));
    for (name, precision) in [("f16 weights", Precision::F16Weights), ("f16", Precision::F16)] {
        cases.extend(halves().into_iter().map(|case| named(name, case).precision(precision)));
    }
    cases.extend(factors_of_halves().into_iter().map(|case| named("f16", case).precision(Precision::F16)));
    cases.extend(
        left_as_halves()
            .into_iter()
            .map(|case| named("f16, left as f16", case).precision(Precision::F16).leaving_halves()),
    );
    cases
}

fn named(of: &str, case: Case) -> Case {
    Case { name: format!("{of}, {}", case.name), ..case }
}

fn shapes() -> Vec<Case> {
    vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("a tile", of(64, 16, 64)),
        Case::new("a tile less one", of(63, 15, 63)),
        Case::new("a tile and one", of(65, 17, 65)),
        Case::new("two tiles and one", of(129, 36, 129)),
        Case::new("primes", biased(67, 131, 101)),
        Case::new("golden width", biased(19, 12, 36)),
        Case::new("width 50", biased(7, 50, 50)),
        Case::new("width 60", biased(13, 60, 240)),
        Case::new("width 130", biased(5, 130, 60)),
        Case::new("aligned rows, odd columns", biased(9, 32, 5)),
        Case::new("odd rows, aligned columns", biased(9, 33, 32)),
        Case::new("as many large tiles as a GPU is busy with", of(16_385, 8, 130)),
        Case::new("long sum", of(2, 70_000, 3)).tolerance(Tolerance {
            // 70,000 additions one after the other, each off by half a unit of the last place.
            relative_l2: 1e-5,
            share_of_peak: 2e-5,
        }),
        Case::new("more shared tiles than groups in a dimension", of(1, 1, 64 * 65_535 + 1)),
        Case::new("groups in two dimensions", of(300, 4, 1028)).workgroups(40),
    ]
}

/// The products of a ViT-B over 3137 tokens as they are, timed, and with one dimension at a time reduced, checked.
fn layers_of_vit_b() -> Vec<Case> {
    let queries_keys_values = |rows, inner| planes(64, biased(rows, inner, 2304));
    let attention_output = |rows, inner| residual(biased(rows, inner, 768));
    let mlp_in = |rows, inner| activated(Activation::GeluTanh, biased(rows, inner, 3072));
    vec![
        Case::new("ViT-B queries, keys, values", queries_keys_values(3137, 768)).timed_only(),
        Case::new("ViT-B queries, keys, values of fewer rows", queries_keys_values(120, 768)),
        Case::new("ViT-B queries, keys, values of fewer inputs", queries_keys_values(3137, 24)),
        Case::new("ViT-B attention output", attention_output(3137, 768)).timed_only(),
        Case::new("ViT-B attention output of fewer rows", attention_output(384, 768)),
        Case::new("ViT-B attention output of fewer inputs", attention_output(3137, 48)),
        Case::new("ViT-B MLP in", mlp_in(3137, 768)).timed_only(),
        Case::new("ViT-B MLP in of fewer rows", mlp_in(96, 768)),
        Case::new("ViT-B MLP in of fewer inputs", mlp_in(3137, 16)),
        Case::new("ViT-B MLP out", attention_output(3137, 3072)).timed_only(),
        Case::new("ViT-B MLP out of fewer rows", attention_output(96, 3072)),
        Case::new("ViT-B head", biased(1, 768, 400)).timed(),
    ]
}

fn switches() -> Vec<Case> {
    use Activation::{GeluErf, GeluTanh, Tanh};
    let mut cases = vec![
        Case::new("residual without bias", residual(of(21, 20, 24))),
        Case::new("residual without bias, odd", residual(of(21, 19, 23))),
        Case::new("everything", residual(activated(GeluTanh, biased(21, 20, 24)))),
        Case::new("everything, odd", residual(activated(GeluErf, biased(21, 19, 23)))),
        Case::new("planes", planes(12, biased(21, 36, 108))),
        Case::new("planes of three", planes(3, biased(19, 12, 36))),
        Case::new("planes of one", planes(1, of(5, 7, 6))),
        Case::new("planes with activation", planes(8, activated(Tanh, biased(70, 24, 72)))),
    ];
    for (name, activation) in [("GELU tanh", GeluTanh), ("GELU erf", GeluErf), ("tanh", Tanh)] {
        cases.push(Case::new(name, activated(activation, biased(30, 24, 44))));
        cases.push(
            Case::new(format!("{name} far out"), activated(activation, of(16, 4, 64))).fill(0, Fill::Spread(60.0)),
        );
        cases.push(
            Case::new(format!("{name} near zero"), activated(activation, of(16, 4, 64))).fill(0, Fill::Spread(1e-3)),
        );
    }
    cases
}

fn pieces() -> Vec<Case> {
    let all = residual(biased(700, 24, 36));
    vec![
        Case::new("cut for its input", biased(500, 132, 8)).binding_bytes(140_000),
        Case::new("cut for its output", all.clone()).binding_bytes(36_864),
        Case::new("cut for its odd output", residual(biased(700, 5, 35))).binding_bytes(40_000),
        Case::new("cut for its weight", residual(biased(11, 60, 1000))).binding_bytes(65_536),
        Case::new("cut for all", residual(biased(300, 96, 520))).binding_bytes(140_000),
        Case::new("planes cut by rows and columns", planes(64, biased(200, 300, 768))).binding_bytes(200_000),
        Case::new("planes cut by columns", planes(12, biased(301, 12, 1152))).binding_bytes(600_000),
    ]
}

/// Weights of halves: on each path of the tile, cut and whole.
fn halves() -> Vec<Case> {
    let mlp_in = |rows, inner| activated(Activation::GeluTanh, biased(rows, inner, 3072));
    let mut infinite: Vec<f32> = (0..36 * 24).map(|index| (index as f32).sin()).collect();
    (infinite[30], infinite[60]) = (f32::NAN, f32::INFINITY);
    vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("a tile", of(64, 16, 64)),
        Case::new("a tile less one", of(63, 15, 63)),
        Case::new("a tile and one", of(65, 17, 65)),
        Case::new("primes", biased(67, 131, 101)),
        Case::new("planes of three", planes(3, biased(19, 12, 36))),
        Case::new("everything", residual(activated(Activation::GeluTanh, biased(21, 24, 24)))),
        Case::new("small weights", biased(21, 24, 36)).fill(1, Fill::Spread(1e-6)),
        Case::new("a NaN and an infinity stay in their columns", biased(9, 24, 36))
            .given(1, Tensor::f32([36, 24], infinite)),
        Case::new("cut for its weight", residual(biased(11, 60, 1000))).binding_bytes(46_000),
        Case::new("cut for all", residual(biased(300, 96, 520))).binding_bytes(140_000),
        Case::new("groups in two dimensions", of(300, 4, 1028)).workgroups(40),
        Case::new("ViT-B MLP in", mlp_in(3137, 768)).timed_only(),
        Case::new("ViT-B MLP in of fewer rows", mlp_in(96, 768)),
        Case::new("ViT-B MLP in of fewer inputs", mlp_in(3137, 16)),
    ]
}

/// What the weight multiplies is of halves, too.
fn factors_of_halves() -> Vec<Case> {
    let mut input: Vec<f32> = (0..9 * 24).map(|index| (index as f32).sin()).collect();
    (input[30], input[60]) = (f32::NAN, f32::INFINITY);
    let attention_output = |rows, inner| residual(biased(rows, inner, 768));
    vec![
        Case::new("small inputs", biased(21, 24, 36)).fill(0, Fill::Spread(1e-6)),
        Case::new("aligned, no multiple of eight", biased(21, 20, 36)),
        Case::new("a NaN and an infinity stay in their rows", biased(9, 24, 36)).given(0, Tensor::f32([9, 24], input)),
        Case::new("cut for its input", biased(500, 132, 8)).binding_bytes(70_000),
        Case::new("cut for its odd output", residual(biased(700, 5, 35))).binding_bytes(40_000),
        Case::new("ViT-B attention output", attention_output(3137, 768)).timed_only(),
        Case::new("ViT-B attention output of fewer rows", attention_output(384, 768)),
        Case::new("ViT-B attention output of fewer inputs", attention_output(3137, 48)),
    ]
}

/// Outputs that a kernel of halves reads next.
fn left_as_halves() -> Vec<Case> {
    let queries_keys_values = |rows, inner| planes(64, biased(rows, inner, 2304));
    let mlp_in = |rows, inner| activated(Activation::GeluTanh, biased(rows, inner, 3072));
    let mut infinite: Vec<f32> = (0..36 * 24).map(|index| (index as f32).sin()).collect();
    (infinite[30], infinite[60]) = (f32::NAN, f32::INFINITY);
    vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("primes", biased(67, 131, 101)),
        Case::new("everything, odd", residual(activated(Activation::GeluErf, biased(21, 19, 23)))),
        Case::new("planes of three", planes(3, biased(19, 12, 36))),
        Case::new("subnormal outputs", of(21, 24, 36)).fill(0, Fill::Spread(1e-4)).fill(1, Fill::Spread(1e-4)),
        Case::new("outputs near the largest", of(21, 4, 36)).fill(0, Fill::Spread(1e4)),
        Case::new("a NaN and an infinity stay in their columns", biased(9, 24, 36))
            .given(1, Tensor::f32([36, 24], infinite)),
        Case::new("cut for its odd output", residual(biased(700, 5, 35))).binding_bytes(40_000),
        Case::new("planes cut by rows and columns", planes(64, biased(200, 300, 768))).binding_bytes(100_000),
        Case::new("ViT-B queries, keys, values of fewer rows", queries_keys_values(120, 768)),
        Case::new("ViT-B queries, keys, values of fewer inputs", queries_keys_values(3137, 24)),
        Case::new("ViT-B MLP in of fewer rows", mlp_in(96, 768)),
    ]
}

/// At the edges of a tile, on each path of its shader; and folded, as every variant is.
fn edges(tile: WorkgroupTile) -> Vec<Case> {
    let WorkgroupTile { rows, columns, depth, .. } = tile;
    let everything = residual(activated(Activation::GeluTanh, biased(2 * rows + 1, 2 * depth + 4, columns + 4)));
    let odd = biased(rows + 1, depth + 1, columns + 1);
    let in_planes = planes(columns / 2, biased(3 * rows, 4, 3 * columns));
    let cases = [
        Case::new("a tile", of(rows, depth, columns)),
        Case::new("a tile less one", activated(Activation::Tanh, of(rows - 1, depth - 1, columns - 1))),
        Case::new("a tile and one", odd.clone()),
        Case::new("everything", everything.clone()),
        Case::new("groups in two dimensions", in_planes).workgroups(4),
        Case::new("f16 weights, a tile and one", odd).precision(Precision::F16Weights),
        Case::new("f16 weights, everything", everything).precision(Precision::F16Weights),
    ];
    cases.into_iter().map(|case| named(&format!("{rows}×{columns}×{depth}"), case).at_edges_of(tile)).collect()
}

/// NaN or infinity in one element shows in its row, and nowhere else.
fn poisoned() -> Vec<Case> {
    let calls = [
        ("a NaN stays in its row", biased(9, 24, 36), f32::NAN),
        ("a NaN stays in its odd row", biased(9, 23, 35), f32::NAN),
        ("a NaN passes GELU", activated(Activation::GeluTanh, biased(9, 24, 36)), f32::NAN),
        ("a NaN passes GELU erf", activated(Activation::GeluErf, biased(9, 24, 36)), f32::NAN),
        ("a NaN passes tanh", activated(Activation::Tanh, biased(9, 24, 36)), f32::NAN),
        ("an infinity stays one", of(9, 23, 36), f32::INFINITY),
    ];
    let poison = |(name, call, value): (&str, Linear, f32)| {
        let mut input: Vec<f32> = (0..call.rows * call.inner).map(|index| (index as f32).sin()).collect();
        let last_of_row_four = 5 * call.inner - 1;
        input[last_of_row_four] = value;
        let elements = Tensor::f32([call.rows, call.inner], input);
        Case::new(name, call).given(0, elements)
    };
    calls.into_iter().map(poison).collect()
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (rows, inner) = (draw.size(200), draw.size(300));
    let most = (3_000_000 / (rows * inner)).clamp(1, 300);
    let in_planes = draw.chance();
    let (columns, output) = match in_planes {
        false => (draw.size(most), OutputLayout::Rows),
        true => {
            let width = draw.size(most.min(64));
            (width * draw.size((most / width).max(1)), OutputLayout::Planes { width })
        }
    };
    let (bias, residual) = (draw.chance(), !in_planes && draw.chance());
    let activations = [None, Some(Activation::GeluTanh), Some(Activation::GeluErf), Some(Activation::Tanh)];
    let activation = draw.one_of(&activations);
    let case = Case::new("random", Linear { rows, inner, columns, bias, activation, residual, output });
    let case = if rows * columns < FEW { of_one_sign(case) } else { case };
    let case = draw.poisoned(case, 0);
    let precisions = [Precision::F32, Precision::F32, Precision::F16Weights, Precision::F16];
    let case = case.precision(draw.one_of(&precisions));
    draw.limited(case)
}

/// With values of one sign, whose sums are not next to nothing.
fn of_one_sign(mut case: Case) -> Case {
    case.inputs.fill(Fill::Between(0.25, 1.0));
    case
}
