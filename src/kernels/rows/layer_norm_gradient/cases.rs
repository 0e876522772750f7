//! Shapes for the gradients of layer normalisation.

use super::LayerNormGradient;
use super::wgsl::ROWS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Tensor, Tolerance};

fn of(rows: usize, width: usize) -> LayerNormGradient {
    LayerNormGradient { rows, width, epsilon: 1e-6 }
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
        Case::new("wide row", of(2, 50_001)),
        Case::new("groups in two dimensions", of(40 * rows + 1, 12)).workgroups(40),
        Case::new("cut into pieces", of(301, 12)).binding_bytes(4096),
        Case::new("tiny variance, eps decides", of(9, 48)).fill(0, Fill::Spread(3e-3)),
        Case::new("large offset", of(9, 768)).fill(0, Fill::Between(999.0, 1001.0)).tolerance(Tolerance {
            // The mean of values around 1000 is only known to 6e-5, a share of 1e-4 of the spread.
            relative_l2: 2e-4,
            share_of_peak: 4e-4,
        }),
        Case::new("another eps", LayerNormGradient { epsilon: 1e-2, ..of(4, 33) }),
        Case::new("constant rows", of(4, 33)).fill(0, Fill::Constant(2.5)),
        Case::new("a scale of 0 in all columns", of(4, 33)).fill(1, Fill::Constant(0.0)),
    ];
    for (input, name) in [(0, "input"), (2, "gradient")] {
        let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
        poisoned[40] = f32::NAN;
        let name = format!("a NaN in the {name} stays in its row");
        cases.push(Case::new(name, of(4, 33)).given(input, Tensor::f32([4, 33], poisoned)));
    }
    cases
}

/// Columns below which hardly any gradient is left beside the mean and what goes along x̂.
const NARROW: usize = 12;

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = NARROW + draw.size(600);
    let rows = draw.size((60_000 / width).min(300));
    let epsilon = draw.one_of(&[1e-6, 1e-12, 1e-2]);
    let case = Case::new("random", LayerNormGradient { rows, width, epsilon });
    let input = draw.one_of(&[0, 2]);
    let case = draw.poisoned(case, input);
    draw.limited(case)
}
