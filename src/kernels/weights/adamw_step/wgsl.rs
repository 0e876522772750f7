//! A step of AdamW in WGSL.

use super::AdamwStep;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        first_kept: f32,
        first_added: f32,
        second_kept: f32,
        second_added: f32,
        epsilon: f32,
        decay: f32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<AdamwStep>; 1] =
    [Planned::any(wgsl!("weights/adamw_step.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &AdamwStep, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let [kept, added] = [call.betas, call.betas.map(|beta| 1.0 - beta)].map(|shares| shares.map(|share| share as f32));
    let literals = Literals::new().with("invocations", INVOCATIONS).with("clipped", call.clipped);
    dispatches.launch_by_element(call.rows * call.width, INVOCATIONS, &literals, |run, window| {
        let uniform = Uniform {
            elements: word(run.len())?,
            first_kept: kept[0],
            first_added: added[0],
            second_kept: kept[1],
            second_added: added[1],
            epsilon: call.epsilon,
            decay: call.decay,
        };
        let [gradient, value, first, second] = [(); 4].map(|()| window.clone());
        Ok((uniform, vec![gradient, None, None, value, first, second, None]))
    })
}
