//! Shapes for softmax.

use super::Softmax;
use super::wgsl::{INVOCATIONS, ROWS};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

fn of(rows: usize, width: usize) -> Softmax {
    Softmax { rows, width }
}

pub(super) fn cases() -> Vec<Case> {
    let (rows, invocations) = (ROWS as usize, INVOCATIONS as usize);
    let mut cases = vec![
        Case::new("one element", of(1, 1)),
        Case::new("Kinetics 400, 12 views", of(12, 400)).fill(0, Fill::Spread(12.0)),
        Case::new("scores of one head of ViT-B", of(785, 785)).fill(0, Fill::Spread(8.0)).timed(),
        Case::new("a row of joint attention", of(3, 3137)).fill(0, Fill::Spread(8.0)),
        Case::new("a group less one", of(rows - 1, invocations - 1)),
        Case::new("a group and one", of(rows + 1, invocations + 1)),
        Case::new("fewer columns than a step", of(5, 3)),
        Case::new("primes", of(31, 251)),
        Case::new("wide row", of(2, 70_001)),
        Case::new("more rows than groups in a dimension", of(65_537, 3)),
        Case::new("groups in two dimensions", of(40 * rows + 1, 12)).workgroups(40),
        Case::new("cut into pieces", of(301, 12)).binding_bytes(4096),
        Case::new("equal columns share alike", of(4, 97)).fill(0, Fill::Constant(-3.5)),
        Case::new("large values do not overflow", of(9, 33)).fill(0, Fill::Between(1e4, 1.0001e4)),
        Case::new("far below zero", of(9, 33)).fill(0, Fill::Between(-3e38, -1e38)),
    ];
    let mut values: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    values[40] = f32::NAN;
    values[66] = f32::NAN;
    values[131] = f32::INFINITY;
    cases.push(Case::new("a NaN or infinity spoils its row only", of(4, 33)).given(0, Tensor::f32([4, 33], values)));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let spread = draw.one_of(&[1.0, 8.0]);
    let case = Case::new("random", of(rows, width)).fill(0, Fill::Spread(spread));
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
