//! Sums of squares to take norms of.

use super::GradientNorm;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

/// With sums of squares on both sides of a limit of 1.
fn case(name: impl Into<String>, call: GradientNorm) -> Case {
    Case::new(name, call).fill(0, Fill::Between(0.0, 4.0))
}

fn clipped(name: impl Into<String>, gradients: usize) -> Case {
    case(name, GradientNorm::new(gradients).limit(1.0))
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let given = |name: &str, sums: &[f32]| clipped(name, sums.len()).given(0, Tensor::f32([sums.len()], sums.to_vec()));
    vec![
        case("a norm alone", GradientNorm::new(1)),
        case("norms alone", GradientNorm::new(group + 1)),
        clipped("one gradient", 1).fill(0, Fill::Constant(7.0)).timed(),
        clipped("a short gradient", 1).fill(0, Fill::Constant(0.25)),
        clipped("a group less one", group - 1),
        clipped("a group and one", group + 1),
        given("none, at and beside the limit", &[0.0, 0.99999, 1.0, 1.00001, 1e-20, 1e30, f32::MAX]),
        given("no numbers", &[4.0, f32::INFINITY, 0.25, f32::NAN]),
        case("another limit", GradientNorm::new(41).limit(0.1)).fill(0, Fill::Between(0.0, 0.04)),
        case("no numbers, norms alone", GradientNorm::new(3))
            .given(0, Tensor::f32([3], vec![f32::INFINITY, f32::NAN, 9.0])),
        clipped("cut into pieces", 3001).binding_bytes(4096),
        clipped("groups in two dimensions", 9 * group).workgroups(4),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let call = GradientNorm::new(draw.size(3000)).limit(draw.one_of(&[None, Some(1.0), Some(0.3)]));
    let case = draw.poisoned(case("random", call), 0);
    draw.limited(case)
}
