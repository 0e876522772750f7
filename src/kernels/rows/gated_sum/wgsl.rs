//! A gated sum in WGSL.

use super::GatedSum;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;
/// Elements of a workgroup: four an invocation.
pub(super) const ELEMENTS: u32 = 4 * INVOCATIONS;

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
    for run in dispatches.runs(call.sequences * length, 1, &[1])? {
        let start = run.start % length;
        // What is computed of an element lies below this.
        word(start + run.len())?;
        let uniform = Uniform {
            elements: word(run.len())?,
            length: word(length)?,
            start: word(start)?,
            first_gate: word(call.gate * call.sequences + run.start / length)?,
            residual_added: u32::from(call.residual),
        };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = run.len().div_ceil(ELEMENTS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), window.clone(), None, window])?;
    }
    Ok(())
}
