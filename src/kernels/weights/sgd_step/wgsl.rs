//! A step of gradient descent in WGSL.

use super::SgdStep;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        momentum: f32,
        decay: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<SgdStep>; 1] =
    [Planned::any(wgsl!("weights/sgd_step.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &SgdStep, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS).with("momentum", call.momentum.is_some());
    let literals = literals.with("clipped", call.clipped).with("decay", call.decay > 0.0);
    dispatches.launch_by_element(call.rows * call.width, INVOCATIONS, &literals, |run, window| {
        let (momentum, decay) = (call.momentum.unwrap_or(0.0), call.decay);
        let uniform = Uniform { elements: word(run.len())?, momentum, decay };
        Ok((uniform, vec![window.clone(), None, window.clone(), window, None]))
    })
}
