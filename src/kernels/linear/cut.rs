//! Cutting a linear layer into rectangles of its output whose operands fit a device's bindings.

use std::ops::Range;

use super::{Linear, OutputLayout};
use crate::gpu::Limits;
use crate::kernels::pieces;
use crate::tensor::Result;

/// A rectangle of the output that one launch computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Linear {
    /// The pieces of this call, with the weight in panels of `panel` columns: one where everything fits.
    ///
    /// Columns are cut between panels, and between output planes where there are any: those are bound whole. Rows are
    /// cut wherever the offsets may be bound.
    pub(super) fn pieces(&self, panel: usize, limits: &Limits) -> Result<Vec<Piece>> {
        let (input_row, weight_column) = (4 * self.inner, 4 * self.inner.next_multiple_of(4));
        let (unit, output_column, row_bytes) = match self.output {
            OutputLayout::Rows => (panel, 4, vec![input_row, 4 * self.columns]),
            OutputLayout::Planes { width } => (least_common_multiple(panel, width), 4 * self.rows, vec![input_row]),
        };
        let unit = unit.min(self.columns);
        let unit_bytes = [unit.next_multiple_of(panel) * weight_column, unit * 4, unit * output_column];
        let column_runs = runs(self.columns.div_ceil(unit), &unit_bytes, limits)?;
        let row_runs = runs(self.rows, &row_bytes, limits)?;
        let columns = column_runs.iter().map(|run| run.start * unit..self.columns.min(run.end * unit));
        let cut = |columns: Range<usize>| {
            row_runs.iter().map(move |rows| Piece { rows: rows.clone(), columns: columns.clone() })
        };
        Ok(columns.flat_map(cut).collect())
    }

    /// The bytes of input, weight (in panels), bias, residual and output that a piece sees.
    pub(super) fn windows(&self, piece: &Piece, panel: usize) -> Vec<Option<Range<u64>>> {
        let Piece { rows, columns } = piece;
        let weight_column = 4 * self.inner.next_multiple_of(4);
        let panels = columns.start..columns.end.next_multiple_of(panel);
        let output = match self.output {
            OutputLayout::Rows => {
                let (first, last) = (rows.start * self.columns, (rows.end - 1) * self.columns);
                pieces::bytes(&(first + columns.start..last + columns.end), 4)
            }
            OutputLayout::Planes { .. } => pieces::bytes(columns, 4 * self.rows),
        };
        vec![
            Some(pieces::bytes(rows, 4 * self.inner)),
            Some(pieces::bytes(&panels, weight_column)),
            self.bias.then(|| pieces::bytes(columns, 4)),
            self.residual.then(|| output.clone()),
            Some(output),
        ]
    }
}

fn runs(units: usize, bytes_per_unit: &[usize], limits: &Limits) -> Result<Vec<Range<usize>>> {
    let bytes: Vec<_> = bytes_per_unit.iter().map(|&bytes| bytes as u64).collect();
    pieces::runs(units, 1, &bytes, limits)
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}
