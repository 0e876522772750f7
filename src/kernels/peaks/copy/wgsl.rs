//! Copying in WGSL.

use super::PeakCopy;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        quads: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<PeakCopy>; 1] =
    [Planned::any(wgsl!("peaks/copy.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &PeakCopy, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    for run in dispatches.runs(call.elements, 4, &[1])? {
        let quads = run.len() / 4;
        let uniform = Uniform { quads: word(quads)? };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = (quads as u64).div_ceil(INVOCATIONS.into());
        dispatches.launch(
            groups,
            Literals::new().with("invocations", INVOCATIONS),
            &uniform,
            vec![window.clone(), window],
        )?;
    }
    Ok(())
}
