//! The products of heads in WGSL.

use super::HeadDot;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, a product each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        heads: u32,
        width: u32,
        output_row: u32,
        output_start: u32,
        input_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<HeadDot>; 1] =
    [Planned::any(wgsl!("rows/head_dot.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &HeadDot, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let HeadDot { rows, heads, width } = *call;
    dispatches.check_iterations(width as u64 + 1)?;
    let literals = Literals::new().with("invocations", INVOCATIONS);
    let row = heads * width;
    for run in dispatches.runs_anywhere(rows, &[row])? {
        let (input, input_start) = dispatches.window(&(run.start * row..run.end * row));
        let uniform = Uniform {
            rows: word(run.len())?,
            heads: word(heads)?,
            width: word(width)?,
            output_row: word(rows)?,
            output_start: word(run.start)?,
            input_start,
        };
        let groups = (run.len() * heads).div_ceil(INVOCATIONS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(input.clone()), Some(input), None])?;
    }
    Ok(())
}
