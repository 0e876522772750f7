//! Softmax in WGSL.

use super::Softmax;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations that share a row in the `workgroup` variant.
pub(super) const INVOCATIONS: u32 = 256;
/// Rows of a workgroup in the `plain` variant.
pub(super) const ROWS: u32 = 32;
/// Columns of a step in the `plain` variant: rows of up to 174,000 columns stay within 65,535 iterations.
const PARTIALS: u32 = 8;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        width: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Softmax>; 2] = [
    Planned::gpu(
        wgsl!("rows/softmax.workgroup.wgsl"),
        Needs::invocations(INVOCATIONS).workgroup_floats(INVOCATIONS),
        |call, to| plan(call, to, 1, INVOCATIONS),
    ),
    Planned::any(wgsl!("rows/softmax.wgsl"), Needs::invocations(ROWS), |call, to| plan(call, to, ROWS, PARTIALS)),
];

fn plan(call: &Softmax, dispatches: &mut Dispatches<'_>, group_rows: u32, step_columns: u32) -> Result<(), Unfit> {
    let width = call.width;
    dispatches.check_iterations(3 * (width as u64 / u64::from(step_columns) + u64::from(PARTIALS)))?;
    let literals = Literals::new().with("rows", ROWS).with("invocations", INVOCATIONS).with("partials", PARTIALS);
    for run in dispatches.runs(call.rows, 1, &[width])? {
        let uniform = Uniform { rows: word(run.len())?, width: word(width)? };
        let window = Some(dispatches.bytes(&run, width));
        let groups = run.len().div_ceil(group_rows as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), window])?;
    }
    Ok(())
}
