//! Shapes and targets for cross entropy.

use super::wgsl::ROWS;
use super::{CrossEntropy, Target};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

/// With logits of the size that models have, and labels of classes that there are.
fn case(name: impl Into<String>, call: CrossEntropy) -> Case {
    let labels = (0..call.rows).flat_map(|row| call.heads.iter().map(move |classes| (7 * row + 3) % classes));
    let labels = Tensor::u32([call.rows, call.heads.len()], labels.map(|label| label as u32).collect::<Vec<_>>());
    let case = Case::new(name, call.clone()).fill(0, Fill::Spread(3.0));
    match call.target {
        Target::Label => case.given(1, labels),
        Target::Distribution => case.fill(1, Fill::Between(0.0, 1.0)),
    }
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
        case("two heads", label(3, 12).heads(vec![7, 5])),
        case("Epic Kitchens' nouns and verbs", label(4, 397).heads(vec![300, 97]).smoothing(0.1)).timed(),
        case("two heads, mixed labels", mixed(5, 31).heads(vec![11, 20]).smoothing(0.1)),
        case("a head of one class", label(3, 6).heads(vec![1, 5]).smoothing(0.1)),
        case("smoothing alone", label(3, 11).smoothing(1.0)),
        case("no target", label(3, 11).smoothing(0.1))
            .fill(1, Fill::Constant(0.0))
            .given(1, Tensor::u32([3], vec![u32::MAX; 3])),
        case("logits far apart", label(5, 33).smoothing(0.1)).fill(0, Fill::Spread(60.0)),
        case("large logits", label(5, 33).smoothing(0.1)).fill(0, Fill::Between(996.0, 1004.0)),
        case("groups in two dimensions", label(9 * rows, 5).smoothing(0.1)).workgroups(4),
        case("cut into pieces", mixed(101, 37).smoothing(0.1)).binding_bytes(4096),
        case("cut into pieces, labelled", label(101, 37).smoothing(0.1)).binding_bytes(4096),
        case("heads cut into pieces", mixed(101, 37).heads(vec![5, 19, 13]).smoothing(0.1)).binding_bytes(4096),
        case("a NaN stays in its row", label(4, 33).smoothing(0.1)).given(0, Tensor::f32([4, 33], poisoned)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let classes = 1 + draw.size(600);
    let rows = draw.size((60_000 / classes).min(100));
    let target = draw.one_of(&[Target::Label, Target::Distribution]);
    let smoothing = draw.one_of(&[0.1, 0.5, 1.0]);
    let call = of(rows, classes, target).smoothing(smoothing);
    let first = draw.size(classes);
    let call = if draw.one_in(3) && first < classes { call.heads(vec![first, classes - first]) } else { call };
    let case = case("random", call);
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
