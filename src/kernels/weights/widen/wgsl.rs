//! Halves as floats in WGSL.

use super::Widen;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, a word of two halves each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        halves_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<Widen>; 1] =
    [Planned::any(wgsl!("weights/widen.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Widen, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    for words in dispatches.runs_anywhere(call.words(), &[1, 2])? {
        let elements = 2 * words.start..call.elements.min(2 * words.end);
        let (halves, halves_start) = dispatches.window(&words);
        let (output, output_start) = dispatches.window(&elements);
        let uniform = Uniform { elements: word(elements.len())?, halves_start, output_start };
        let groups = words.len().div_ceil(INVOCATIONS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(halves), Some(output)])?;
    }
    Ok(())
}
