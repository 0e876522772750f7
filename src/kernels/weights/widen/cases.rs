//! Shapes for halves as floats. Every case is exact.

use super::Widen;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw};
use crate::tensor::{Tensor, Tolerance};

pub(super) fn cases() -> Vec<Case> {
    let group = 2 * INVOCATIONS as usize;
    // Every half there is: zeros, subnormal ones, infinities, NaN.
    let all = Tensor::u32([1 << 15], (0..1u32 << 15).map(|word| (2 * word) | ((2 * word + 1) << 16)).collect());
    let cases = [
        Case::new("every half", Widen::new(1 << 16)).given(0, all),
        Case::new("one half", Widen::new(1)),
        Case::new("a group less one", Widen::new(group - 1)),
        Case::new("a group and one", Widen::new(group + 1)),
        Case::new("queries, keys and values of ViT-B", Widen::new(3137 * 2304)).timed(),
        Case::new("cut into pieces", Widen::new(5003)).binding_bytes(4096),
        Case::new("groups in two dimensions", Widen::new(50 * group)).workgroups(40),
    ];
    cases.map(|case| case.tolerance(Tolerance::EXACT)).into()
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let case = Case::new("random", Widen::new(draw.size(5000))).tolerance(Tolerance::EXACT);
    draw.limited(case)
}
