//! The copy of some rows in WGSL.

use super::TokenRows;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        sequences: u32,
        elements: u32,
        input_sequence: u32,
        input_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<TokenRows>; 1] =
    [Planned::any(wgsl!("rows/token_rows.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &TokenRows, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    let (sequence, copied) = (call.tokens * call.width, call.copied.len() * call.width);
    for run in dispatches.runs_anywhere(call.sequences, &[sequence])? {
        let (input, input_start) = dispatches.window(&(run.start * sequence..run.end * sequence));
        let (output, output_start) = dispatches.window(&(run.start * copied..run.end * copied));
        let uniform = Uniform {
            sequences: word(run.len())?,
            elements: word(copied)?,
            input_sequence: word(sequence)?,
            input_start: word(input_start as usize + call.copied.start * call.width)?,
            output_start,
        };
        let groups = run.len() as u64 * copied.div_ceil(INVOCATIONS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(input), Some(output)])?;
    }
    Ok(())
}
