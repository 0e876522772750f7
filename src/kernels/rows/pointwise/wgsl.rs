//! Element-wise steps in WGSL.

use super::{Pointwise, Step};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;
/// Elements of a workgroup: four an invocation.
pub(super) const ELEMENTS: u32 = 4 * INVOCATIONS;

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
    for run in dispatches.runs(call.rows * call.width, 1, &[1])? {
        let uniform = Uniform { elements: word(run.len())?, activation, summed };
        let window = Some(dispatches.bytes(&run, 1));
        let groups = run.len().div_ceil(ELEMENTS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), window.clone(), window])?;
    }
    Ok(())
}
