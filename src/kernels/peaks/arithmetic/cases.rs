//! Sizes for the arithmetic peak.

use super::PeakArithmetic;
use crate::kernels::contract::{Case, Draw};
use crate::tensor::Tolerance;

pub(super) fn cases() -> Vec<Case> {
    // Each step rounds once more.
    let tolerance = Tolerance { relative_l2: 1e-4, share_of_peak: 1e-3 };
    vec![
        Case::new("one turn", PeakArithmetic { elements: 65, steps: 1 }).tolerance(tolerance),
        Case::new("groups in two dimensions", PeakArithmetic { elements: 200, steps: 1 })
            .tolerance(tolerance)
            .workgroups(2),
        Case::new("peak", PeakArithmetic { elements: 1 << 14, steps: 1 << 9 }).tolerance(tolerance).timed(),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (elements, steps) = (draw.size(300), draw.size(8));
    // What its cases are held to.
    let tolerance = cases().swap_remove(0).tolerance;
    let case = Case::new("random", PeakArithmetic { elements, steps }).tolerance(tolerance);
    draw.limited(case)
}
