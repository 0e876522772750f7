//! Shapes for layer normalisation.

use super::LayerNorm;
use super::wgsl::ROWS;
use crate::kernels::contract::{Case, Draw, Fill, Kernel};
use crate::tensor::{Result, Tensor, Tolerance};

fn of(rows: usize, width: usize) -> LayerNorm {
    LayerNorm { rows, width, epsilon: 1e-6 }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes(|rows, width, epsilon| LayerNorm { rows, width, epsilon });
    cases.extend([
        Case::new("wide row", of(2, 70_001)),
        Case::new("more rows than groups in a dimension", of(65_537, 3)),
        Case::new("a NaN stays in its row", of(4, 33)).given(0, poisoned()),
    ]);
    cases
}

/// Rows by columns, for the normalisation and for its gradients: `of` these and what is added to the variance.
pub(in crate::kernels::rows) fn shapes<K: Kernel>(of: impl Fn(usize, usize, f32) -> K) -> Vec<Case> {
    let group = ROWS as usize;
    let case = |name, rows, width| Case::new(name, of(rows, width, 1e-6));
    vec![
        case("one element", 1, 1),
        case("ViT-B row", 5, 768),
        case("ViT-B clip", 3137, 768).timed(),
        case("a group less one", group - 1, 60),
        case("a group and one", group + 1, 36),
        case("prime width", 7, 251),
        case("width just above a workgroup", 3, 257),
        case("groups in two dimensions", 40 * group + 1, 12).workgroups(40),
        case("cut into pieces", 301, 12).binding_bytes(4096),
        case("tiny variance, eps decides", 9, 48).fill(0, Fill::Spread(3e-3)),
        case("large offset", 9, 768).fill(0, Fill::Between(999.0, 1001.0)).tolerance(Tolerance {
            // The mean of values around 1000 is only known to 6e-5, a share of 1e-4 of the spread.
            relative_l2: 2e-4,
            share_of_peak: 4e-4,
        }),
        Case::new("another eps", of(4, 33, 1e-2)),
        case("constant rows", 4, 33).fill(0, Fill::Constant(2.5)),
    ]
}

/// 4 rows of 33 columns with a NaN in the second.
pub(in crate::kernels::rows) fn poisoned() -> Result<Tensor> {
    let mut values: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    values[40] = f32::NAN;
    Tensor::f32([4, 33], values)
}

/// Columns below which uniform values may nearly agree, so that the variance is known to few digits.
const NARROW: usize = 8;

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(600);
    let rows = draw.size((60_000 / width).min(300));
    let epsilon = draw.one_of(&[1e-6, 1e-12, 1e-2]);
    let case = Case::new("random", LayerNorm { rows, width, epsilon });
    let case = if width < NARROW { alternating(case, rows, width) } else { draw.poisoned(case, 0) };
    draw.limited(case)
}

/// With neighbours of different signs, which lie apart.
fn alternating(case: Case, rows: usize, width: usize) -> Case {
    let sign = |index: usize| if (index % width).is_multiple_of(2) { 1.0 } else { -1.0 };
    let values = (0..rows * width).map(|index| sign(index) * (0.75 + 0.25 * (index as f32).sin()));
    case.given(0, Tensor::f32([rows, width], values.collect::<Vec<_>>()))
}
