//! Shapes for the gradient of a linear layer's weight.

use super::LinearWeightGradient;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::products::columns::ROWS;
use crate::tensor::{Tensor, Tolerance};

fn of(rows: usize, inner: usize, columns: usize) -> LinearWeightGradient {
    LinearWeightGradient { rows, inner, columns }
}

/// Sums of so many terms of either sign that they have rounded more than 2e-6 of themselves away.
const LONG: Tolerance = Tolerance { relative_l2: 1e-5, share_of_peak: 2e-5 };

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("a tile", of(16, 64, 64)),
        Case::new("a tile less one", of(15, 63, 63)),
        Case::new("a tile and one", of(17, 65, 65)),
        Case::new("a quad more than a tile", of(19, 68, 132)),
        Case::new("primes", of(131, 67, 101)),
        Case::new("aligned rows, odd columns", of(33, 32, 5)),
        Case::new("odd rows, aligned columns", of(33, 5, 32)),
        Case::new("fewer rows than a quad", of(3, 12, 36)),
        Case::new("ViT-B MLP in, two frames", of(392, 768, 3072)).timed(),
        Case::new("ViT-B MLP out, a clip", of(3137, 3072, 768)).timed_only(),
        Case::new("ViT-B projection, a clip", of(3137, 768, 768)).timed_only(),
        Case::new("ViT-B projection, a clip, fewer columns", of(3137, 64, 64)).tolerance(LONG),
        Case::new("more rows than a launch adds up", of(ROWS + 1, 5, 7)).tolerance(LONG),
        Case::new("more rows than iterations", of(70_001, 3, 4)).tolerance(LONG),
        Case::new("more tiles than groups in a dimension", of(1, 1, 4 * 64 * 65_535 + 1)),
        Case::new("groups in two dimensions", of(4, 300, 1028)).workgroups(20),
        Case::new("cut into pieces", of(301, 24, 36)).binding_bytes(4096),
        Case::new("cut along columns", of(5, 60, 300)).binding_bytes(8192),
        Case::new("cut odd columns", of(7, 61, 301)).binding_bytes(10_240),
    ];
    for (input, name) in ["gradient", "input"].into_iter().enumerate() {
        let width = [36, 24][input];
        let mut poisoned: Vec<f32> = (0..50 * width).map(|index| (index as f32).sin()).collect();
        poisoned[20 * width + 7] = f32::NAN;
        let poisoned = Tensor::f32([50, width], poisoned);
        cases.push(Case::new(format!("NaN in the {name}"), of(50, 24, 36)).given(input, poisoned));
    }
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (inner, columns) = (draw.size(200), draw.size(200));
    let rows = draw.size((4_000_000 / inner / columns).clamp(1, 600));
    let case = Case::new("random", of(rows, inner, columns));
    // The sum of products of one sign is not next to nothing.
    let positive = Fill::Between(0.25, 1.0);
    let case = if inner * columns < FEW { case.fill(0, positive.clone()).fill(1, positive) } else { case };
    let input = draw.below(2);
    let case = draw.poisoned(case, input);
    draw.limited(case)
}
