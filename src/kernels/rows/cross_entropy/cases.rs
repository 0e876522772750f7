//! Shapes and targets for cross entropy.

use super::wgsl::ROWS;
use super::{CrossEntropy, Target};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

/// With logits of the size that models have, and labels of classes that there are.
fn case(name: impl Into<String>, call: CrossEntropy) -> Case {
    let classes = call.classes as u32;
    let targets = match call.target {
        Target::Label => Fill::Words(classes),
        Target::Distribution => Fill::Between(0.0, 1.0),
    };
    Case::new(name, call).fill(0, Fill::Spread(3.0)).fill(1, targets)
}

fn of(rows: usize, classes: usize, target: Target) -> CrossEntropy {
    CrossEntropy::new(rows, classes, target)
}

pub(super) fn cases() -> Vec<Case> {
    let rows = ROWS as usize;
    let label = |rows, classes| of(rows, classes, Target::Label);
    let mixed = |rows, classes| of(rows, classes, Target::Distribution);
    let mut poisoned: Vec<f32> = (0..4 * 33).map(|index| (index as f32).sin()).collect();
    poisoned[40] = f32::NAN;
    vec![
        case("one row", label(1, 5)),
        case("golden sizes", label(2, 5).smoothing(0.1)),
        case("a group less one", label(rows - 1, 7)),
        case("a group and one", label(rows + 1, 7).smoothing(0.3)),
        case("Kinetics-400", label(8, 400).smoothing(0.1)).timed(),
        case("mixed labels", mixed(3, 97)),
        case("mixed labels, smoothed", mixed(3, 97).smoothing(0.2)),
        case("half of a loss", mixed(3, 17).share(0.5)),
        case("smoothing alone", label(3, 11).smoothing(1.0)),
        case("no target", label(3, 11).smoothing(0.1))
            .fill(1, Fill::Constant(0.0))
            .given(1, Tensor::u32([3], vec![u32::MAX; 3])),
        case("logits far apart", label(5, 33).smoothing(0.1)).fill(0, Fill::Spread(60.0)),
        case("large logits", label(5, 33).smoothing(0.1)).fill(0, Fill::Between(996.0, 1004.0)),
        case("groups in two dimensions", label(9 * rows, 5).smoothing(0.1)).workgroups(4),
        case("cut into pieces", mixed(101, 37).smoothing(0.1)).binding_bytes(4096),
        case("cut into pieces, labelled", label(101, 37).smoothing(0.1)).binding_bytes(4096),
        case("a NaN stays in its row", label(4, 33).smoothing(0.1)).given(0, Tensor::f32([4, 33], poisoned)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let classes = 1 + draw.size(600);
    let rows = draw.size((60_000 / classes).min(100));
    let target = draw.one_of(&[Target::Label, Target::Distribution]);
    let smoothing = draw.one_of(&[0.1, 0.5, 1.0]);
    let case = case("random", of(rows, classes, target).smoothing(smoothing));
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
