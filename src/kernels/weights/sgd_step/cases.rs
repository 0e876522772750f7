//! Shapes for a step of gradient descent.

use super::SgdStep;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::tensor::Tensor;

const RATE: usize = 1;

fn of(rows: usize, width: usize, momentum: Option<f32>) -> SgdStep {
    SgdStep::new(rows, width).momentum(momentum)
}

/// At a rate of the size that trainings use.
fn case(name: impl Into<String>, call: SgdStep) -> Case {
    Case::new(name, call).fill(RATE, Fill::Between(0.05, 0.5))
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let mut cases = Vec::new();
    for (name, momentum) in [("plain", None), ("momentum", Some(0.9))] {
        let of = |rows, width| of(rows, width, momentum);
        let case = |what: &str, call| case(format!("{name}, {what}"), call);
        let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
        poisoned[40] = f32::NAN;
        cases.extend([
            case("one element", of(1, 1)),
            case("a group less one", of(1, group - 1)),
            case("a group and one", of(1, group + 1)),
            case("primes", of(67, 131)),
            case("ViT-B MLP in", of(3072, 768)).timed(),
            case("cut into pieces", of(301, 13)).binding_bytes(4096),
            case("groups in two dimensions", of(40, group + 1)).workgroups(7),
            case("a rate of 0", of(7, 13)).fill(RATE, Fill::Constant(0.0)),
            case("a NaN stays one", of(4, 33)).given(0, Tensor::f32([4, 33], poisoned)),
        ]);
    }
    let clipped = |name: &str, call: SgdStep| {
        let factor = if call.momentum.is_some() { 4 } else { 3 };
        case(name, call.clipped(true)).fill(factor, Fill::Between(0.1, 1.0))
    };
    cases.extend([
        clipped("clipped", of(67, 131, None)),
        clipped("clipped, momentum", of(67, 131, Some(0.9))),
        clipped("clipped to nothing", of(7, 13, Some(0.9))).fill(4, Fill::Constant(0.0)),
        clipped("a factor that is NaN", of(7, 13, Some(0.9))).fill(4, Fill::Constant(f32::NAN)),
        clipped("clipped and cut into pieces", of(301, 13, Some(0.9))).binding_bytes(4096),
        case("decay", of(67, 131, None).decay(0.1)),
        case("decay, momentum", of(67, 131, Some(0.9)).decay(0.1)),
        clipped("clipped, decay, momentum", of(67, 131, Some(0.9)).decay(0.1)),
    ]);
    cases.push(case("no momentum left", of(7, 13, Some(0.0))));
    cases.push(case("more groups than a dimension has", of(65_537, group, None)));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let momentum = draw.one_of(&[None, Some(0.0), Some(0.9)]);
    let (clipped, decay) = (draw.chance(), draw.one_of(&[0.0, 0.1]));
    let mut case = case("random", of(rows, width, momentum).clipped(clipped).decay(decay));
    if rows * width < FEW {
        // Steps that are smaller than what they change leave something of it.
        case.inputs.fill(Fill::Between(0.5, 1.0));
        case = case.fill(RATE, Fill::Between(0.05, 0.2));
    }
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
