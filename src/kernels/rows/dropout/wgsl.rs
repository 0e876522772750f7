//! Dropout in WGSL.

use super::Dropout;
use crate::kernels::rows::elements::{ELEMENTS, INVOCATIONS};
use crate::kernels::rows::sequences::first_of;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

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
    dispatches.launch_by_element(call.clips * length, ELEMENTS, &literals, |run, window| {
        let (clip, start) = first_of(run, length)?;
        let uniform = Uniform {
            elements: word(run.len())?,
            length: word(length)?,
            start,
            first_clip: word(clip)?,
            draw: call.draw,
            threshold: call.threshold(),
            scale: call.scale(),
        };
        Ok((uniform, vec![window.clone(), None, window]))
    })
}
