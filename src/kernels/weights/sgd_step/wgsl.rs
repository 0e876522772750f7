//! A step of gradient descent in WGSL.

use super::SgdStep;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        momentum: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<SgdStep>; 1] =
    [Planned::any(wgsl!("weights/sgd_step.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &SgdStep, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS).with("momentum", call.momentum.is_some());
    for run in dispatches.runs(call.rows * call.width, 1, &[1])? {
        let uniform = Uniform { elements: word(run.len())?, momentum: call.momentum.unwrap_or(0.0) };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = run.len().div_ceil(INVOCATIONS as usize) as u64;
        let windows = vec![window.clone(), None, window.clone(), window];
        dispatches.launch(groups, literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
