//! The gradient of an activation in WGSL.

use super::ActivationGradient;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;
/// Elements of a workgroup: four an invocation.
pub(super) const ELEMENTS: u32 = 4 * INVOCATIONS;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        activation: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<ActivationGradient>; 1] =
    [Planned::any(wgsl!("rows/activation_gradient.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &ActivationGradient, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    for run in dispatches.runs(call.rows * call.width, 1, &[1])? {
        let uniform = Uniform { elements: word(run.len())?, activation: call.activation.code() };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = run.len().div_ceil(ELEMENTS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), window.clone(), window])?;
    }
    Ok(())
}
