//! Norms of gradients in WGSL.

use super::GradientNorm;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, a gradient each: mostly there is one.
pub(super) const INVOCATIONS: u32 = 32;

crate::uniform! {
    pub(super) struct Uniform {
        gradients: u32,
        limit: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<GradientNorm>; 1] =
    [Planned::any(wgsl!("weights/gradient_norm.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &GradientNorm, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS).with("clipped", call.limit.is_some());
    for run in dispatches.runs(call.gradients, 1, &[1])? {
        let uniform = Uniform { gradients: word(run.len())?, limit: call.limit.unwrap_or(0.0) };
        let groups = run.len().div_ceil(INVOCATIONS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(dispatches.bytes(&run, 1)); 3])?;
    }
    Ok(())
}
