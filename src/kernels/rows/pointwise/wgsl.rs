//! Element-wise steps in WGSL.

use super::{Pointwise, Step};
use crate::kernels::rows::elements::{ELEMENTS, INVOCATIONS};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        activation: u32,
        summed: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Pointwise>; 1] =
    [Planned::any(wgsl!("rows/pointwise.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Pointwise, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let (activation, summed) = match call.step {
        Step::Activation(activation) => (activation.code(), 0),
        Step::Sum => (0, 1),
    };
    let literals = Literals::new().with("invocations", INVOCATIONS);
    dispatches.launch_by_element(call.rows * call.width, ELEMENTS, &literals, |run, window| {
        let uniform = Uniform { elements: word(run.len())?, activation, summed };
        Ok((uniform, vec![window; 3]))
    })
}
