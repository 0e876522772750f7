//! Layer normalisation in WGSL.

use std::ops::Range;

use super::LayerNorm;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations that share a row in the `workgroup` variant: a row of 768 columns is three steps.
pub(in crate::kernels::rows) const INVOCATIONS: u32 = 256;
/// Rows of a workgroup in the `plain` variant.
pub(in crate::kernels::rows) const ROWS: u32 = 32;

crate::uniform! {
    pub(in crate::kernels::rows) struct Uniform {
        rows: u32,
        width: u32,
        epsilon: f32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<LayerNorm>; 2] = [
    Planned::gpu(
        wgsl!("rows/layer_norm.workgroup.wgsl"),
        Needs::invocations(INVOCATIONS).workgroup_floats(INVOCATIONS),
        |call, to| plan(call, to, 1, INVOCATIONS),
    ),
    Planned::any(wgsl!("rows/layer_norm.wgsl"), Needs::invocations(ROWS), |call, to| plan(call, to, ROWS, 4)),
];

fn plan(call: &LayerNorm, dispatches: &mut Dispatches<'_>, group_rows: u32, step_columns: u32) -> Result<(), Unfit> {
    let LayerNorm { rows, width, epsilon } = *call;
    dispatches.check_iterations(3 * (width as u64 / u64::from(step_columns) + 4))?;
    launch([rows, width], epsilon, group_rows, dispatches, |rows| vec![rows.clone(), None, None, rows])
}

/// The bytes of an operand that are bound; `None` for all.
pub(in crate::kernels::rows) type Window = Option<Range<u64>>;

/// Launches for runs of rows of `size` = [M, C], whose part of the operands is bound as `windows` says.
pub(in crate::kernels::rows) fn launch(
    [rows, width]: [usize; 2],
    epsilon: f32,
    group_rows: u32,
    dispatches: &mut Dispatches<'_>,
    windows: fn(Window) -> Vec<Window>,
) -> Result<(), Unfit> {
    let literals = Literals::new().with("rows", ROWS).with("invocations", INVOCATIONS);
    for run in dispatches.runs(rows, 1, &[width])? {
        let groups = run.len().div_ceil(group_rows as usize);
        let uniform = Uniform { rows: word(run.len())?, width: word(width)?, epsilon };
        let window = Some(dispatches.bytes(&run, width));
        dispatches.launch(groups as u64, literals.clone(), &uniform, windows(window))?;
    }
    Ok(())
}
