//! Shapes for sums of squares.

use super::SquareSum;
use super::wgsl::{PART, PARTS};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

fn of(rows: usize, width: usize) -> SquareSum {
    SquareSum::new(rows, width)
}

/// Over a tensor, after others.
fn continued(name: impl Into<String>, call: SquareSum) -> Case {
    Case::new(name, call.continued(true)).fill(1, Fill::Between(0.0, 100.0))
}

pub(super) fn cases() -> Vec<Case> {
    let mut poisoned: Vec<f32> = (0..301 * 24).map(|index| (index as f32).sin()).collect();
    poisoned[150 * 24 + 7] = f32::NAN;
    let huge = |values: [f32; 3]| Tensor::f32([1, 3], values.to_vec());
    vec![
        Case::new("one element", of(1, 1)),
        continued("one element, continued", of(1, 1)),
        Case::new("a part less one", of(1, PART - 1)),
        Case::new("a part and one", of(1, PART + 1)),
        Case::new("primes", of(1009, 67)),
        continued("primes, continued", of(1009, 67)),
        continued("a bias, continued", of(1, 768)),
        Case::new("equal elements", of(301, 131)).fill(0, Fill::Constant(0.3)),
        Case::new("zeros", of(7, 13)).fill(0, Fill::Constant(0.0)),
        continued("ViT-B MLP in", of(3072, 768)).timed(),
        Case::new("longer parts", of(PARTS + 1, PART)),
        continued("cut into pieces", of(301, 131)).binding_bytes(4096),
        Case::new("groups in two dimensions", of(9, PART)).workgroups(7),
        Case::new("a NaN makes the sum one", of(301, 24)).given(0, Tensor::f32([301, 24], poisoned)),
        Case::new("a square beyond the largest float", of(1, 3)).given(0, huge([1.0, 2e19, 1.0])),
        Case::new("a sum beyond the largest float", of(1, 3)).given(0, huge([1.6e19, 1.5e19, 1.0])),
        continued("an infinite sum stays so", of(7, 13)).fill(1, Fill::Constant(f32::INFINITY)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((200_000 / width).min(2000));
    let call = of(rows, width);
    let case = if draw.chance() { continued("random", call) } else { Case::new("random", call) };
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
