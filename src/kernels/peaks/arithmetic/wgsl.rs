//! Multiply-adds in WGSL.

use super::{ADDEND, FACTOR, PeakArithmetic};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        steps: u32,
        factor: f32,
        addend: f32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<PeakArithmetic>; 1] =
    [Planned::any(wgsl!("peaks/arithmetic.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &PeakArithmetic, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    dispatches.check_iterations(call.steps as u64)?;
    let groups = (call.elements as u64).div_ceil(INVOCATIONS.into());
    let (elements, steps) = (word(call.elements)?, word(call.steps)?);
    let uniform = Uniform { elements, steps, factor: FACTOR, addend: ADDEND };
    dispatches.launch(groups, Literals::new().with("invocations", INVOCATIONS), &uniform, vec![None])
}
