//! Shapes for element-wise steps.

use super::{Pointwise, Step};
use crate::kernels::activation::Activation;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::kernels::rows::elements::ELEMENTS;
use crate::tensor::Tensor;

const GELU: Step = Step::Activation(Activation::GeluTanh);

fn of(rows: usize, width: usize, step: Step) -> Pointwise {
    Pointwise { rows, width, step }
}

pub(super) fn cases() -> Vec<Case> {
    let tile = ELEMENTS as usize;
    let mut cases = vec![
        Case::new("one element", of(1, 1, GELU)),
        Case::new("hidden layer of ViT-B", of(1569, 3072, GELU)).fill(0, Fill::Spread(4.0)).timed(),
        Case::new("residual of ViT-B", of(3137, 768, Step::Sum)).timed(),
        Case::new("a group less one", of(1, tile - 1, Step::Sum)),
        Case::new("a group and one", of(1, tile + 1, Step::Sum)),
        Case::new("primes", of(31, 251, GELU)),
        Case::new("more than a dimension of workgroups", of(65_537, tile, Step::Sum)),
        Case::new("cut into pieces", of(301, 12, GELU)).binding_bytes(4096),
        Case::new("cut sum", of(301, 12, Step::Sum)).binding_bytes(4096),
    ];
    for activation in Activation::ALL {
        let step = Step::Activation(activation);
        let named = |what: &str| format!("{activation:?} {what}");
        cases.push(Case::new(named("near zero"), of(97, 103, step)).fill(0, Fill::Spread(0.01)));
        cases.push(Case::new(named("where it bends"), of(97, 103, step)).fill(0, Fill::Spread(6.0)));
        cases.push(Case::new(named("left tail"), of(97, 103, step)).fill(0, Fill::Between(-4.0, -2.0)));
        cases.push(Case::new(named("far out"), of(97, 103, step)).fill(0, Fill::Spread(1000.0)));
        cases.push(
            Case::new(named("extremes and NaN"), of(1, 8, step))
                .given(0, Tensor::f32([1, 8], vec![0.0, -0.0, 1e30, -1e30, f32::MAX, f32::MIN, f32::NAN, 1e-30])),
        );
    }
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(900);
    let rows = draw.size((60_000 / width).min(300));
    let steps: Vec<_> = [Step::Sum].into_iter().chain(Activation::ALL.map(Step::Activation)).collect();
    let step = draw.one_of(&steps);
    let case = Case::new("random", of(rows, width, step));
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
