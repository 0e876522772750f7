//! The gradients of layer normalisation in WGSL.

use super::LayerNormGradient;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations that share a row in the `workgroup` variant: a row of 768 columns is three steps.
const INVOCATIONS: u32 = 256;
/// Rows of a workgroup in the `plain` variant.
pub(super) const ROWS: u32 = 32;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        width: u32,
        epsilon: f32,
    }
}

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
    let LayerNormGradient { width, epsilon, .. } = *call;
    dispatches.check_iterations(4 * (width as u64 / u64::from(step_columns) + 4))?;
    let literals = Literals::new().with("rows", ROWS).with("invocations", INVOCATIONS);
    for run in dispatches.runs(call.rows, 1, &[width])? {
        let groups = run.len().div_ceil(group_rows as usize);
        let uniform = Uniform { rows: word(run.len())?, width: word(width)?, epsilon };
        let window = Some(dispatches.bytes(&run, width));
        let windows = vec![window.clone(), None, window.clone(), window.clone(), window];
        dispatches.launch(groups as u64, literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
