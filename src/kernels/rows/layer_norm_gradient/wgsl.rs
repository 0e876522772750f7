//! The gradients of layer normalisation in WGSL.

use super::LayerNormGradient;
use crate::kernels::rows::layer_norm::wgsl::{INVOCATIONS, ROWS, launch};
use crate::kernels::shader::{Dispatches, Needs, Planned, Unfit, wgsl};

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<LayerNormGradient>; 2] = [
    Planned::gpu(
        wgsl!("rows/layer_norm_gradient.workgroup.wgsl"),
        Needs::invocations(INVOCATIONS).workgroup_floats(INVOCATIONS),
        |call, to| plan(call, to, 1, INVOCATIONS),
    ),
    Planned::any(wgsl!("rows/layer_norm_gradient.wgsl"), Needs::invocations(ROWS), |call, to| plan(call, to, ROWS, 4)),
];

fn plan(
    call: &LayerNormGradient,
    dispatches: &mut Dispatches<'_>,
    group_rows: u32,
    step_columns: u32,
) -> Result<(), Unfit> {
    let LayerNormGradient { rows, width, epsilon } = *call;
    dispatches.check_iterations(4 * (width as u64 / u64::from(step_columns) + 4))?;
    launch([rows, width], epsilon, group_rows, dispatches, |rows| {
        vec![rows.clone(), None, rows.clone(), rows.clone(), rows]
    })
}
