//! A gated sum in WGSL.

use super::GatedSum;
use crate::kernels::rows::elements::{ELEMENTS, INVOCATIONS};
use crate::kernels::rows::sequences::first_of;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        length: u32,
        start: u32,
        first_gate: u32,
        residual_added: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<GatedSum>; 1] =
    [Planned::any(wgsl!("rows/gated_sum.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &GatedSum, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    let length = call.length();
    dispatches.launch_by_element(call.sequences * length, ELEMENTS, &literals, |run, window| {
        let (sequence, start) = first_of(run, length)?;
        let uniform = Uniform {
            elements: word(run.len())?,
            length: word(length)?,
            start,
            first_gate: word(call.gate * call.sequences + sequence)?,
            residual_added: u32::from(call.residual),
        };
        Ok((uniform, vec![window.clone(), window.clone(), None, window]))
    })
}
