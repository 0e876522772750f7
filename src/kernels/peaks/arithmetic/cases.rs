//! Sizes for the arithmetic peak.

use super::PeakArithmetic;
use crate::kernels::contract::Case;
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
