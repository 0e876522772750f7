//! Shapes for the products of heads.

use super::HeadDot;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

fn of(rows: usize, heads: usize, width: usize) -> HeadDot {
    HeadDot { rows, heads, width }
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let mut poisoned: Vec<f32> = (0..7 * 3 * 5).map(|index| (index as f32).sin()).collect();
    poisoned[50] = f32::NAN;
    vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("a group less one", of(group - 1, 1, 12)),
        Case::new("a group and one", of(group + 1, 1, 12)),
        Case::new("heads", of(35, 3, 5)),
        Case::new("ViT-B clip", of(3137, 12, 64)).timed(),
        Case::new("groups in two dimensions", of(500, 3, 4)).workgroups(7),
        Case::new("cut into pieces", of(301, 3, 8)).binding_bytes(8192),
        Case::new("a NaN stays in its head", of(7, 3, 5)).given(0, Tensor::f32([7, 15], poisoned)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (heads, width) = (draw.size(12), draw.size(100));
    let rows = draw.size((100_000 / heads / width).clamp(1, 300));
    // Sums of one sign are not next to nothing.
    let case = Case::new("random", of(rows, heads, width)).fill(0, Fill::Between(0.25, 1.0));
    let case = case.fill(1, Fill::Between(0.25, 1.0));
    draw.poisoned(case, 0)
}
