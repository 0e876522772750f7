//! Cutting a linear layer into rectangles of its output whose operands fit a device's bindings.

use std::ops::Range;

use super::{Linear, OutputLayout};
use crate::gpu::Limits;
use crate::kernels::products::tile::Stored;
use crate::kernels::shader::cut;
use crate::tensor::{Element, Result};

/// Bytes of an element of bias and residual.
const ELEMENT: usize = Element::F32.bytes();

/// A rectangle of the output that one launch computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Linear {
    /// The pieces of this call, with the weight in panels of `panel` columns and the operands stored like this: one where
    /// everything fits.
    ///
    /// Columns are cut between panels, and between output planes where there are any: those are bound whole. Rows are
    /// cut wherever the offsets may be bound.
    pub(super) fn pieces(&self, panel: usize, stored: Stored, limits: &Limits) -> Result<Vec<Piece>> {
        let (input_row, weight_column) = (stored.factor.bytes() * self.inner, self.weight_column(stored.weight));
        let output = stored.output.bytes();
        let (unit, output_column, mut row_bytes) = match self.output {
            OutputLayout::Rows => (panel, output, vec![input_row, output * self.columns]),
            OutputLayout::Planes { width } => {
                (least_common_multiple(panel, width), output * self.rows, vec![input_row])
            }
        };
        row_bytes.extend(self.residual.then_some(ELEMENT * self.columns));
        let unit = unit.min(self.columns);
        let unit_bytes = [unit.next_multiple_of(panel) * weight_column, unit * ELEMENT, unit * output_column];
        let column_runs = runs(self.columns.div_ceil(unit), &unit_bytes, limits)?;
        let row_runs = runs(self.rows, &row_bytes, limits)?;
        let columns = column_runs.iter().map(|run| run.start * unit..self.columns.min(run.end * unit));
        let cut = |columns: Range<usize>| {
            row_runs.iter().map(move |rows| Piece { rows: rows.clone(), columns: columns.clone() })
        };
        Ok(columns.flat_map(cut).collect())
    }

    /// Bytes of a column of the weight in its panel.
    fn weight_column(&self, weight: Element) -> usize {
        weight.bytes() * self.inner.next_multiple_of(4)
    }

    /// The bytes of input, weight (in panels), bias, residual and output that a piece sees.
    pub(super) fn windows(&self, piece: &Piece, panel: usize, stored: Stored) -> Vec<Option<Range<u64>>> {
        let Piece { rows, columns } = piece;
        let panels = columns.start..columns.end.next_multiple_of(panel);
        let of_output = |element: usize| match self.output {
            OutputLayout::Rows => {
                let (first, last) = (rows.start * self.columns, (rows.end - 1) * self.columns);
                cut::bytes(&(first + columns.start..last + columns.end), element)
            }
            OutputLayout::Planes { .. } => cut::bytes(columns, element * self.rows),
        };
        vec![
            Some(cut::bytes(rows, stored.factor.bytes() * self.inner)),
            Some(cut::bytes(&panels, self.weight_column(stored.weight))),
            self.bias.then(|| cut::bytes(columns, ELEMENT)),
            self.residual.then(|| of_output(ELEMENT)),
            Some(of_output(stored.output.bytes())),
        ]
    }
}

fn runs(units: usize, bytes_per_unit: &[usize], limits: &Limits) -> Result<Vec<Range<usize>>> {
    let bytes: Vec<_> = bytes_per_unit.iter().map(|&bytes| bytes as u64).collect();
    cut::runs(units, 1, &bytes, limits)
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}

#[cfg(test)]
mod tests {
    use super::*;

    const F32: Stored = Stored { factor: Element::F32, weight: Element::F32, output: Element::F32 };

    fn limits(binding_bytes: u64) -> Limits {
        Limits { binding_bytes, ..Limits::WEBGPU }
    }

    fn call(rows: usize, inner: usize, columns: usize, output: OutputLayout) -> Linear {
        Linear { rows, inner, columns, bias: true, activation: None, residual: output == OutputLayout::Rows, output }
    }

    #[test]
    fn pieces_cover_the_output_once_and_can_be_bound() {
        let planes = OutputLayout::Planes { width: 48 };
        let f16 = Stored { weight: Element::F16, ..F32 };
        let all_f16 = Stored { factor: Element::F16, weight: Element::F16, output: Element::F16 };
        for (call, panel, stored, bytes) in [
            (call(301, 24, 36, OutputLayout::Rows), 32, F32, 20_000),
            (call(301, 7, 35, OutputLayout::Rows), 64, F32, 20_000),
            (call(11, 60, 1000, OutputLayout::Rows), 64, F32, 50_000),
            (call(11, 60, 1000, OutputLayout::Rows), 64, f16, 50_000),
            (call(300, 96, 520, OutputLayout::Rows), 32, F32, 140_000),
            (call(301, 300, 960, planes), 32, F32, 240_000),
            (call(301, 300, 960, planes), 32, f16, 240_000),
            (call(301, 7, 35, OutputLayout::Rows), 64, all_f16, 20_000),
            (call(301, 300, 960, planes), 32, all_f16, 240_000),
        ] {
            let limits = limits(bytes);
            let pieces = call.pieces(panel, stored, &limits).unwrap();
            assert!(pieces.len() > 1, "{call:?}");
            let mut covered = vec![0; call.rows * call.columns];
            for piece in &pieces {
                for row in piece.rows.clone() {
                    piece.columns.clone().for_each(|column| covered[row * call.columns + column] += 1);
                }
                for window in call.windows(piece, panel, stored).into_iter().flatten() {
                    assert_eq!(window.start % 256, 0, "{call:?}, {piece:?}");
                    assert!(window.end - window.start <= bytes, "{call:?}, {piece:?}: {window:?}");
                }
            }
            assert!(covered.iter().all(|&times| times == 1), "{call:?}");
        }
    }

    #[test]
    fn what_fits_is_not_cut() {
        let planes = OutputLayout::Planes { width: 64 };
        assert_eq!(call(3137, 768, 2304, planes).pieces(32, F32, &limits(128 << 20)).unwrap().len(), 1);
        assert_eq!(call(3137, 768, 3072, OutputLayout::Rows).pieces(64, F32, &limits(128 << 20)).unwrap().len(), 1);
    }

    #[test]
    fn a_panel_or_a_plane_beyond_the_limit_is_an_error() {
        assert!(call(8, 4096, 256, OutputLayout::Rows).pieces(64, F32, &limits(1 << 19)).is_err());
        assert!(call(4096, 8, 256, OutputLayout::Planes { width: 64 }).pieces(64, F32, &limits(1 << 19)).is_err());
    }
}
