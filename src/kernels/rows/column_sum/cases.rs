//! Shapes for sums of columns.

use super::ColumnSum;
use super::wgsl::{COLUMNS, STRIP, STRIPS};
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::tensor::{Tensor, Tolerance};

fn of(rows: usize, width: usize) -> ColumnSum {
    ColumnSum { rows, width }
}

pub(super) fn cases() -> Vec<Case> {
    let columns = COLUMNS as usize;
    let mut cases = vec![
        Case::new("one element", of(1, 1)),
        Case::new("one row", of(1, 131)),
        Case::new("one column", of(131, 1)),
        Case::new("a strip of a group less one", of(STRIP, columns - 1)),
        Case::new("a row more than a strip, a group and one", of(STRIP + 1, columns + 1)),
        Case::new("primes", of(1009, 67)),
        Case::new("bias of ViT-B's MLP", of(3137, 3072)).timed(),
        Case::new("bias of ViT-B's attention", of(3137, 768)).timed(),
        Case::new("longer strips", of(STRIP * STRIPS + 1, 5)),
        Case::new("more rows than iterations", of(70_001, 3)).tolerance(Tolerance {
            // Sums of hundreds, and of hundreds of these, that nearly cancel.
            relative_l2: 1e-5,
            share_of_peak: 2e-5,
        }),
        Case::new("more groups than a dimension has", of(1, columns * 65_535 + 1)),
        Case::new("groups in two dimensions", of(5 * STRIP, 8 * columns)).workgroups(7),
        Case::new("cut into pieces", of(3 * STRIP + 7, 12)).binding_bytes(4096),
        Case::new("cut within a strip", of(301, 24)).binding_bytes(4096),
    ];
    let mut poisoned: Vec<f32> = (0..301 * 24).map(|index| (index as f32).sin()).collect();
    poisoned[150 * 24 + 7] = f32::NAN;
    cases.push(Case::new("a NaN stays in its column", of(301, 24)).given(0, Tensor::f32([301, 24], poisoned)));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let width = draw.size(300);
    let rows = draw.size((200_000 / width).min(2000));
    let case = Case::new("random", of(rows, width));
    // The sum of values of one sign is not next to nothing.
    let case = if width < FEW { case.fill(0, Fill::Between(0.25, 1.0)) } else { case };
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
