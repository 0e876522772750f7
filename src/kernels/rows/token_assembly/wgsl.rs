//! Token assembly in WGSL.

use std::ops::Range;

use super::TokenAssembly;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations that share a row.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        width: u32,
        sequence_rows: u32,
        class_tokens: u32,
        first_row: u32,
        first_token: u32,
        first_position: u32,
        positioned: u32,
        tokens_base: u32,
        positions_base: u32,
        output_base: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<TokenAssembly>; 1] =
    [Planned::any(wgsl!("rows/token_assembly.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &TokenAssembly, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    dispatches.check_iterations(call.width as u64 / u64::from(INVOCATIONS) + 1)?;
    for run in call.runs(dispatches)? {
        call.launch(&run, dispatches)?;
    }
    Ok(())
}

impl TokenAssembly {
    /// Runs of output rows whose operands fit a binding. Where the table of positions fits, a run may span sequences.
    fn runs(&self, dispatches: &Dispatches<'_>) -> Result<Vec<Range<usize>>, Unfit> {
        let (rows, width) = (self.sequence_rows(), self.width);
        if !self.positions || dispatches.fits_anywhere(rows * width) {
            return dispatches.runs_anywhere(self.sequences * rows, &[width]);
        }
        let of_a_sequence = dispatches.runs_anywhere(rows, &[width])?;
        let starts = (0..self.sequences).map(|sequence| sequence * rows);
        Ok(starts.flat_map(|start| of_a_sequence.iter().map(move |run| start + run.start..start + run.end)).collect())
    }

    /// How many patch tokens precede an output row, over all sequences.
    fn tokens_before(&self, row: usize) -> usize {
        let (sequence, row) = (row / self.sequence_rows(), row % self.sequence_rows());
        sequence * self.tokens + row.saturating_sub(self.class_tokens())
    }

    fn launch(&self, run: &Range<usize>, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
        let rows = self.sequence_rows();
        let window = |rows: &Range<usize>| dispatches.window(&(rows.start * self.width..rows.end * self.width));
        let tokens = self.tokens_before(run.start)..self.tokens_before(run.end);
        let spans_sequences = run.start / rows != (run.end - 1) / rows;
        let positions = if spans_sequences { 0..rows } else { run.start % rows..run.start % rows + run.len() };
        let (output_window, output_base) = window(run);
        let (positions_window, positions_base) = window(&positions);
        // A run of nothing but a class token still has to bind some token.
        let (tokens_window, tokens_base) = if tokens.is_empty() { window(&(0..1)) } else { window(&tokens) };
        let uniform = Uniform {
            rows: word(run.len())?,
            width: word(self.width)?,
            sequence_rows: word(rows)?,
            class_tokens: self.class_tokens() as u32,
            first_row: word(run.start)?,
            first_token: word(tokens.start)?,
            first_position: word(positions.start)?,
            positioned: u32::from(self.positions),
            tokens_base,
            positions_base,
            output_base,
        };
        let literals = Literals::new().with("invocations", INVOCATIONS);
        let windows = vec![Some(tokens_window), None, Some(positions_window), Some(output_window)];
        dispatches.launch(run.len() as u64, literals, &uniform, windows)
    }
}
