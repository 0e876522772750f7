//! The exchange of two axes in WGSL.

use super::Transpose;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup, an element each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        outer: u32,
        inner: u32,
        width: u32,
        input_row: u32,
        output_row: u32,
        input_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<Transpose>; 1] =
    [Planned::any(wgsl!("rows/transpose.wgsl"), Needs::invocations(INVOCATIONS), plan)];

/// Rectangles of the first two axes, whose input and output can be bound.
fn plan(call: &Transpose, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let Transpose { outer, inner, width } = *call;
    let literals = Literals::new().with("invocations", INVOCATIONS).with("single", width == 1);
    let outer_runs = dispatches.runs_anywhere(outer, &[inner * width])?;
    let inner_runs = dispatches.runs_anywhere(inner, &[outer * width])?;
    for i in &outer_runs {
        for j in &inner_runs {
            let (input, input_start) = dispatches.window(&(i.start * inner * width..i.end * inner * width));
            let first = (j.start * outer + i.start) * width;
            let (output, output_start) = dispatches.window(&(first..((j.end - 1) * outer + i.end) * width));
            let uniform = Uniform {
                outer: word(i.len())?,
                inner: word(j.len())?,
                width: word(width)?,
                input_row: word(inner * width)?,
                output_row: word(outer * width)?,
                input_start: word(input_start as usize + j.start * width)?,
                output_start,
            };
            let groups = j.len() as u64 * (i.len() * width).div_ceil(INVOCATIONS as usize) as u64;
            dispatches.launch(groups, literals.clone(), &uniform, vec![Some(input), Some(output)])?;
        }
    }
    Ok(())
}
