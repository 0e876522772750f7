//! Shapes for the gradients of layer normalisation.

use super::LayerNormGradient;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::kernels::rows::layer_norm::cases::{poisoned, shapes};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes(LayerNormGradient::new);
    let of = |rows, width| LayerNormGradient::new(rows, width, 1e-6);
    cases.extend([
        Case::new("wide row", of(2, 50_001)),
        Case::new("a scale of 0 in all columns", of(4, 33)).fill(1, Fill::Constant(0.0)),
        Case::new("a NaN in the input stays in its row", of(4, 33)).given(0, poisoned()),
        Case::new("a NaN in the gradient stays in its row", of(4, 33)).given(2, poisoned()),
    ]);
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
