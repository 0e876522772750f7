//! Shapes for sums of gradients.

use super::Accumulate;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::tensor::Tensor;

const KEEP: usize = 1;

/// A gradient that is not the first.
fn case(name: impl Into<String>, call: Accumulate) -> Case {
    Case::new(name, call).fill(KEEP, Fill::Constant(1.0))
}

fn clipped(name: impl Into<String>, call: Accumulate) -> Case {
    case(name, call.clipped(true)).fill(2, Fill::Between(0.1, 1.0))
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let of = |rows, width| Accumulate::new(rows, width, 0.25);
    let first = || Fill::Constant(0.0);
    let poison = || Fill::Constant(f32::NAN);
    let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    poisoned[40] = f32::NAN;
    vec![
        case("one element", of(1, 1)),
        case("a group less one", of(1, group - 1)),
        case("a group and one", of(1, group + 1)),
        case("primes", of(67, 131)),
        clipped("primes, clipped", of(67, 131)),
        case("the first of a sum", of(67, 131)).fill(KEEP, first()),
        case("the first forgets a NaN", of(7, 13)).fill(KEEP, first()).fill(2, poison()),
        clipped("the first, clipped, forgets a NaN", of(7, 13)).fill(KEEP, first()).fill(3, poison()),
        case("half of a sum is kept", of(7, 13)).fill(KEEP, Fill::Constant(0.5)),
        clipped("ViT-B MLP in", of(3072, 768)).timed(),
        clipped("cut into pieces", of(301, 13)).binding_bytes(4096),
        case("groups in two dimensions", of(40, group + 1)).workgroups(7),
        case("a NaN stays one", of(4, 33)).given(0, Tensor::f32([4, 33], poisoned)),
        clipped("a factor that is NaN", of(4, 33)).fill(2, poison()),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let call = Accumulate::new(rows, width, draw.one_of(&[1.0, 0.25]));
    let mut case = if draw.chance() { clipped("random", call) } else { case("random", call) };
    if rows * width < FEW {
        // Numbers of one sign leave something of their sum.
        let last = case.inputs.len() - 1;
        case = case.fill(0, Fill::Between(0.5, 1.0)).fill(last, Fill::Between(0.5, 1.0));
    }
    case = case.fill(KEEP, Fill::Constant(draw.one_of(&[1.0, 0.0])));
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
