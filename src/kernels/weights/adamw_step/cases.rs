//! Shapes for a step of AdamW.

use super::AdamwStep;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::tensor::Tensor;

/// Indices of the inputs.
const GRADIENT: usize = 0;
const RATE: usize = 1;
const CORRECTIONS: usize = 2;
const VALUE: usize = 3;
const FIRST_MOMENT: usize = 4;
const SECOND_MOMENT: usize = 5;
const FACTOR: usize = 6;

fn of(rows: usize, width: usize) -> AdamwStep {
    AdamwStep::new(rows, width).decay(0.05)
}

/// In the middle of a training, at a rate at which a step shows.
fn case(name: impl Into<String>, call: AdamwStep) -> Case {
    let is_clipped = call.clipped;
    let corrections = Tensor::f32([2], call.corrections(6).to_vec());
    let case = Case::new(name, call).fill(RATE, Fill::Between(0.05, 0.5)).given(CORRECTIONS, corrections);
    let case = case.fill(SECOND_MOMENT, Fill::Between(0.0, 0.01));
    if is_clipped { case.fill(FACTOR, Fill::Between(0.1, 1.0)) } else { case }
}

/// The first step of a training.
fn first(name: &str, call: AdamwStep) -> Case {
    let corrections = Tensor::f32([2], call.corrections(0).to_vec());
    let zeros = || Fill::Constant(0.0);
    case(name, call).given(CORRECTIONS, corrections).fill(FIRST_MOMENT, zeros()).fill(SECOND_MOMENT, zeros())
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    poisoned[40] = f32::NAN;
    vec![
        case("one element", of(1, 1)),
        case("a group less one", of(1, group - 1)),
        case("a group and one", of(1, group + 1)),
        case("primes", of(67, 131)),
        case("primes, clipped", of(67, 131).clipped(true)),
        case("no decay", of(67, 131).decay(0.0)),
        case("other shares and epsilon", of(67, 131).betas([0.8, 0.95]).epsilon(1e-6)),
        case("an epsilon that shows", of(67, 131).epsilon(0.1)),
        case("nothing is kept", of(67, 131).betas([0.0, 0.0])),
        first("the first step", of(67, 131)),
        first("the first step, clipped", of(67, 131).clipped(true)),
        first("the first step of nothing", of(7, 13)).fill(GRADIENT, Fill::Constant(0.0)),
        first("small gradients", of(67, 131)).fill(GRADIENT, Fill::Spread(1e-6)),
        case("clipped to nothing", of(7, 13).clipped(true)).fill(FACTOR, Fill::Constant(0.0)),
        case("a rate of 0", of(7, 13)).fill(RATE, Fill::Constant(0.0)),
        case("ViT-B MLP in", of(3072, 768).clipped(true)).timed(),
        case("cut into pieces", of(301, 13).clipped(true)).binding_bytes(4096),
        case("groups in two dimensions", of(40, group + 1)).workgroups(7),
        case("a NaN stays one", of(4, 33)).given(GRADIENT, Tensor::f32([4, 33], poisoned)),
        case("a factor that is NaN", of(4, 33).clipped(true)).fill(FACTOR, Fill::Constant(f32::NAN)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let call = of(rows, width).clipped(draw.chance()).decay(draw.one_of(&[0.0, 0.05]));
    let mut case = case("random", call);
    if rows * width < FEW {
        // Numbers of one sign, and steps that are smaller than what they change, leave something of it.
        for index in [GRADIENT, VALUE, FIRST_MOMENT] {
            case = case.fill(index, Fill::Between(0.5, 1.0));
        }
        case = case.fill(RATE, Fill::Between(0.005, 0.02)).fill(SECOND_MOMENT, Fill::Between(0.1, 1.0));
    }
    let case = draw.poisoned(case, GRADIENT);
    draw.limited(case)
}
