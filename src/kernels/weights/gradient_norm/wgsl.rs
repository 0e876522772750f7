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
    dispatches.launch_by_element(call.gradients, INVOCATIONS, &literals, |run, window| {
        let uniform = Uniform { gradients: word(run.len())?, limit: call.limit.unwrap_or(0.0) };
        Ok((uniform, vec![window; 3]))
    })
}
