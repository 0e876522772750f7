//! Shapes for the gradient of an activation.

use super::ActivationGradient;
use crate::kernels::activation::Activation;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::rows::elements::ELEMENTS;
use crate::tensor::Tensor;

fn of(rows: usize, width: usize, activation: Activation) -> ActivationGradient {
    ActivationGradient { rows, width, activation }
}

pub(super) fn cases() -> Vec<Case> {
    let tile = ELEMENTS as usize;
    let gelu = |rows, width| of(rows, width, Activation::GeluTanh);
    let mut cases = vec![
        Case::new("one element", gelu(1, 1)).fill(0, Fill::Constant(0.5)),
        Case::new("hidden layer of ViT-B", gelu(1569, 3072)).fill(0, Fill::Spread(4.0)).timed(),
        Case::new("a group less one", gelu(1, tile - 1)),
        Case::new("a group and one", gelu(1, tile + 1)),
        Case::new("more than a dimension of workgroups", of(65_537, tile, Activation::Tanh)),
        Case::new("groups in two dimensions", gelu(40, tile)).workgroups(7),
        Case::new("cut into pieces", gelu(301, 12)).binding_bytes(4096),
    ];
    for activation in Activation::ALL {
        let named = |what: &str| format!("{activation:?} {what}");
        let of = |rows, width| of(rows, width, activation);
        cases.push(Case::new(named("near zero"), of(97, 103)).fill(0, Fill::Spread(0.01)));
        cases.push(Case::new(named("where it bends"), of(97, 103)).fill(0, Fill::Spread(6.0)));
        cases.push(Case::new(named("where it is lowest"), of(97, 103)).fill(0, Fill::Between(-1.0, -0.5)));
        cases.push(Case::new(named("left tail"), of(97, 103)).fill(0, Fill::Between(-4.0, -2.0)));
        cases.push(Case::new(named("far out"), of(97, 103)).fill(0, Fill::Spread(1000.0)));
        let extremes = vec![0.0, -0.0, 1e30, -1e30, f32::MAX, f32::MIN, f32::NAN, 1e-30];
        let extremes = Tensor::f32([1, 8], extremes);
        cases.push(Case::new(named("extremes and NaN"), of(1, 8)).given(0, extremes));
        let poisoned = (0..9).map(|index| if index == 4 { f32::NAN } else { 1.0 }).collect();
        cases.push(Case::new(named("a NaN gradient"), of(1, 9)).given(1, Tensor::f32([1, 9], poisoned)));
    }
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let activation = draw.one_of(&Activation::ALL);
    let mut case = Case::new("random", of(rows, width, activation));
    if rows * width < FEW {
        // Slopes there are not next to nothing.
        case = case.fill(0, Fill::Between(0.0, 2.0));
    }
    let case = draw.poisoned(case, 1);
    draw.limited(case)
}
