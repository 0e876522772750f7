//! Shapes for layer normalisation.

use super::LayerNorm;
use super::wgsl::ROWS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Tensor, Tolerance};

fn of(rows: usize, width: usize) -> LayerNorm {
    LayerNorm { rows, width, epsilon: 1e-6 }
}

pub(super) fn cases() -> Vec<Case> {
    let rows = ROWS as usize;
    let mut cases = vec![
        Case::new("one element", of(1, 1)),
        Case::new("ViT-B row", of(5, 768)),
        Case::new("ViT-B clip", of(3137, 768)).timed(),
        Case::new("a group less one", of(rows - 1, 60)),
        Case::new("a group and one", of(rows + 1, 36)),
        Case::new("prime width", of(7, 251)),
        Case::new("width just above a workgroup", of(3, 257)),
        Case::new("wide row", of(2, 70_001)),
        Case::new("more rows than groups in a dimension", of(65_537, 3)),
        Case::new("groups in two dimensions", of(40 * rows + 1, 12)).workgroups(40),
        Case::new("cut into pieces", of(301, 12)).binding_bytes(4096),
        Case::new("tiny variance, eps decides", of(9, 48)).fill(0, Fill::Spread(3e-3)),
        Case::new("large offset", of(9, 768)).fill(0, Fill::Between(999.0, 1001.0)).tolerance(Tolerance {
            // The mean of values around 1000 is only known to 6e-5, a share of 1e-4 of the spread.
            relative_l2: 2e-4,
            share_of_peak: 4e-4,
        }),
        Case::new("another eps", LayerNorm { epsilon: 1e-2, ..of(4, 33) }),
        Case::new("constant rows give the bias", of(4, 33)).fill(0, Fill::Constant(2.5)),
    ];
    let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    poisoned[40] = f32::NAN;
    cases.push(Case::new("a NaN stays in its row", of(4, 33)).given(0, Tensor::f32([4, 33], poisoned)));
    cases
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
