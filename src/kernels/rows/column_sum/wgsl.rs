//! Sums of columns in WGSL.

use super::ColumnSum;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Columns of a workgroup, one an invocation.
pub(super) const COLUMNS: u32 = 64;
/// Rows of a strip, where there are not too many strips.
pub(super) const STRIP: usize = 64;
/// The most strips: enough to keep a large GPU busy with a row of ViT-B, and few to add up at the end.
pub(super) const STRIPS: usize = 256;
/// Index of the partial sums among the bindings.
const PARTIAL_SUMS: usize = 2;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        width: u32,
        strip: u32,
        input_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<ColumnSum>; 1] =
    [Planned::any(wgsl!("rows/column_sum.wgsl"), Needs::invocations(COLUMNS), plan)];

/// The sums of strips of rows, and their sum.
fn plan(call: &ColumnSum, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let ColumnSum { rows, width } = *call;
    let strip = call.strip(dispatches);
    let strips = rows.div_ceil(strip);
    dispatches.check_iterations(strip.max(strips) as u64)?;
    let groups = |strips: usize| strips as u64 * width.div_ceil(COLUMNS as usize) as u64;
    let whole = strips == 1;
    if !whole {
        dispatches.scratch(PARTIAL_SUMS, strips * width);
    }
    let literals = Literals::new().with("columns", COLUMNS).with("of_strips", false).with("whole", whole);
    for run in dispatches.runs_anywhere(strips, &[strip * width])? {
        let rows = run.start * strip..rows.min(run.end * strip);
        let (input, input_start) = dispatches.window(&(rows.start * width..rows.end * width));
        let uniform = Uniform {
            rows: word(rows.len())?,
            width: word(width)?,
            strip: word(strip)?,
            input_start,
            output_start: word(run.start * width)?,
        };
        dispatches.launch(groups(run.len()), literals.clone(), &uniform, vec![Some(input), None, None])?;
    }
    if !whole {
        let uniform =
            Uniform { rows: word(strips)?, width: word(width)?, strip: word(strips)?, input_start: 0, output_start: 0 };
        // This launch does not read the input, which may be larger than a binding.
        let unread = Some(dispatches.bytes(&(0..1), 1));
        dispatches.launch(groups(1), literals.with("of_strips", true), &uniform, vec![unread, None, None])?;
    }
    Ok(())
}

impl ColumnSum {
    /// Rows of a strip: so many that there are not too many strips, and so few that one can be bound.
    fn strip(&self, dispatches: &Dispatches<'_>) -> usize {
        let mut strip = self.rows.div_ceil(STRIPS).max(STRIP).min(self.rows);
        while strip > 1 && !dispatches.fits_anywhere(strip * self.width) {
            strip = strip.div_ceil(2);
        }
        strip
    }
}
