//! Logits and targets for sigmoid cross entropy.

use super::SigmoidCrossEntropy;
use super::wgsl::ROWS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Result, Tensor};

fn of(rows: usize, classes: usize) -> SigmoidCrossEntropy {
    SigmoidCrossEntropy::new(rows, classes)
}

/// With logits of the size that models have, and one class in three.
fn case(name: &str, call: SigmoidCrossEntropy) -> Case {
    let targets = (0..call.rows * call.classes).map(|index| f32::from(u8::from(index * index % 3 == 0)));
    let targets = Tensor::f32([call.rows, call.classes], targets.collect::<Vec<_>>());
    Case::new(name, call).fill(0, Fill::Spread(3.0)).given(1, targets)
}

fn mixed(name: &str, call: SigmoidCrossEntropy) -> Case {
    case(name, call).fill(1, Fill::Between(0.0, 1.0))
}

fn numbers(rows: usize, classes: usize, of: impl Fn(usize) -> f32) -> Result<Tensor> {
    Tensor::f32([rows, classes], (0..rows * classes).map(of).collect::<Vec<_>>())
}

pub(super) fn cases() -> Vec<Case> {
    let rows = ROWS as usize;
    let poisoned = |index: usize| if index == 40 { f32::NAN } else { (index as f32).sin() };
    // From 3 to 15 above zero, then as much below.
    let sure = |index: usize| (9.0 + 6.0 * (index as f32).sin()) * if index.is_multiple_of(2) { 1.0 } else { -1.0 };
    let right = |index: usize| if index.is_multiple_of(2) { 1.0 } else { 0.0 };
    vec![
        case("one element", of(1, 1)),
        case("one row", of(1, 5)),
        case("a group less one", of(rows - 1, 7)),
        case("a group and one", of(rows + 1, 7)),
        case("Moments in Time", of(8, 339)).timed(),
        case("smoothed", of(3, 97).smoothing(0.1)),
        mixed("soft targets", of(3, 97)),
        mixed("soft targets, smoothed", of(3, 97).smoothing(0.2)),
        mixed("half of a loss", of(3, 17).share(0.5)),
        case("logits near zero", of(5, 33)).fill(0, Fill::Spread(1e-3)),
        case("logits far apart", of(5, 33)).fill(0, Fill::Spread(200.0)),
        case("sure and right", of(5, 33)).given(0, numbers(5, 33, sure)).given(1, numbers(5, 33, right)),
        case("sure and wrong", of(5, 33))
            .given(0, numbers(5, 33, |index| -sure(index)))
            .given(1, numbers(5, 33, right)),
        case("groups in two dimensions", of(9 * rows, 5)).workgroups(4),
        mixed("cut into pieces", of(101, 37)).binding_bytes(4096),
        case("a NaN stays where it is", of(4, 33)).given(0, numbers(4, 33, poisoned)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let classes = draw.size(600);
    let rows = draw.size((60_000 / classes).min(100));
    let call = of(rows, classes).smoothing(draw.one_of(&[0.0, 0.1, 1.0]));
    let case = if draw.chance() { mixed("random", call) } else { case("random", call) };
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
