//! Sums of gradients in WGSL.

use super::Accumulate;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        share: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<Accumulate>; 1] =
    [Planned::any(wgsl!("weights/accumulate.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Accumulate, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS).with("clipped", call.clipped);
    dispatches.launch_by_element(call.rows * call.width, INVOCATIONS, &literals, |run, window| {
        let uniform = Uniform { elements: word(run.len())?, share: call.share };
        Ok((uniform, vec![window.clone(), None, None, window]))
    })
}
