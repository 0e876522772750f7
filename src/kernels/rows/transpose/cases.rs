//! Shapes for the exchange of two axes.

use super::Transpose;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw};
use crate::tensor::Tensor;

fn of(outer: usize, inner: usize, width: usize) -> Transpose {
    Transpose { outer, inner, width }
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let mut poisoned: Vec<f32> = (0..7 * 11 * 3).map(|index| (index as f32).sin()).collect();
    poisoned[100] = f32::NAN;
    vec![
        Case::new("one element", of(1, 1, 1)),
        Case::new("a group less one", of(group - 1, 3, 1)),
        Case::new("a group and one", of(group + 1, 5, 1)),
        Case::new("primes", of(67, 131, 1)),
        Case::new("planes", of(6, 35, 5)),
        Case::new("rows", of(35, 6, 5)),
        Case::new("ViT-B MLP in", of(3072, 768, 1)).timed(),
        Case::new("queries, keys and values of ViT-B", of(36, 3137, 64)).timed(),
        Case::new("more groups than a dimension has", of(3, 65_537, 1)),
        Case::new("groups in two dimensions", of(group + 1, 40, 1)).workgroups(10),
        Case::new("cut into pieces", of(301, 13, 1)).binding_bytes(4096),
        Case::new("cut planes", of(12, 101, 3)).binding_bytes(4096),
        Case::new("a NaN stays one", of(7, 11, 3)).given(0, Tensor::f32([7, 11, 3], poisoned)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(80);
    let inner = draw.size(400);
    let outer = draw.size((200_000 / width / inner).clamp(1, 400));
    let case = draw.poisoned(Case::new("random", of(outer, inner, width)), 0);
    draw.limited(case)
}
