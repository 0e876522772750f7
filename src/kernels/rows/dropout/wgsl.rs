//! Dropout in WGSL.

use super::Dropout;
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
        first_clip: u32,
        draw: u32,
        threshold: u32,
        scale: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<Dropout>; 1] =
    [Planned::any(wgsl!("rows/dropout.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Dropout, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    let length = call.length();
    for run in dispatches.runs(call.clips * length, 1, &[1])? {
        let start = run.start % length;
        // What is computed of an element lies below this.
        word(start + run.len())?;
        let uniform = Uniform {
            elements: word(run.len())?,
            length: word(length)?,
            start: word(start)?,
            first_clip: word(run.start / length)?,
            draw: call.draw,
            threshold: call.threshold(),
            scale: call.scale(),
        };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = run.len().div_ceil(ELEMENTS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), None, window])?;
    }
    Ok(())
}
