//! The gradient of an activation in WGSL.

use super::ActivationGradient;
use crate::kernels::rows::elements::{ELEMENTS, INVOCATIONS};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

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
    dispatches.launch_by_element(call.rows * call.width, ELEMENTS, &literals, |run, window| {
        let uniform = Uniform { elements: word(run.len())?, activation: call.activation.code() };
        Ok((uniform, vec![window; 3]))
    })
}
