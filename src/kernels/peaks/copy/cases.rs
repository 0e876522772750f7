//! Sizes for the memory peak.

use super::PeakCopy;
use crate::kernels::contract::{Case, Draw};

pub(super) fn cases() -> Vec<Case> {
    let of = |name, elements| Case::new(name, PeakCopy { elements });
    vec![
        of("four", 4),
        of("prime quads", 4 * 65_537),
        of("groups in two dimensions", 4096).workgroups(5),
        of("cut into pieces", 4096).binding_bytes(1024),
        of("peak", 1 << 23).timed(),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let elements = 4 * draw.size(20_000);
    let case = Case::new("random", PeakCopy { elements });
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
