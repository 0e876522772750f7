//! Cutting a linear layer into rectangles of its output whose operands fit a device's bindings.

use std::ops::Range;

use super::{Linear, OutputLayout};
use crate::gpu::Limits;
use crate::kernels::shader::cut;
use crate::tensor::{Element, Result};

/// Bytes of an element of everything but the weight.
const ELEMENT: usize = Element::F32.bytes();

/// A rectangle of the output that one launch computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Linear {
    /// The pieces of this call, with the weight in panels of `panel` columns and of these elements: one where everything
    /// fits.
    ///
    /// Columns are cut between panels, and between output planes where there are any: those are bound whole. Rows are
    /// cut wherever the offsets may be bound.
    pub(super) fn pieces(&self, panel: usize, weight: Element, limits: &Limits) -> Result<Vec<Piece>> {
        let (input_row, weight_column) = (ELEMENT * self.inner, self.weight_column(weight));
        let (unit, output_column, row_bytes) = match self.output {
            OutputLayout::Rows => (panel, ELEMENT, vec![input_row, ELEMENT * self.columns]),
            OutputLayout::Planes { width } => {
                (least_common_multiple(panel, width), ELEMENT * self.rows, vec![input_row])
            }
        };
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
    pub(super) fn windows(&self, piece: &Piece, panel: usize, weight: Element) -> Vec<Option<Range<u64>>> {
        let Piece { rows, columns } = piece;
        let panels = columns.start..columns.end.next_multiple_of(panel);
        let output = match self.output {
            OutputLayout::Rows => {
                let (first, last) = (rows.start * self.columns, (rows.end - 1) * self.columns);
                cut::bytes(&(first + columns.start..last + columns.end), ELEMENT)
            }
            OutputLayout::Planes { .. } => cut::bytes(columns, ELEMENT * self.rows),
        };
        vec![
            Some(cut::bytes(rows, ELEMENT * self.inner)),
            Some(cut::bytes(&panels, self.weight_column(weight))),
            self.bias.then(|| cut::bytes(columns, ELEMENT)),
            self.residual.then(|| output.clone()),
            Some(output),
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

    fn limits(binding_bytes: u64) -> Limits {
        Limits { binding_bytes, ..Limits::WEBGPU }
    }

    fn call(rows: usize, inner: usize, columns: usize, output: OutputLayout) -> Linear {
        Linear { rows, inner, columns, bias: true, activation: None, residual: output == OutputLayout::Rows, output }
    }

    #[test]
    fn pieces_cover_the_output_once_and_can_be_bound() {
        let planes = OutputLayout::Planes { width: 48 };
        let (f32, f16) = (Element::F32, Element::F16);
        for (call, panel, weight, bytes) in [
            (call(301, 24, 36, OutputLayout::Rows), 32, f32, 20_000),
            (call(301, 7, 35, OutputLayout::Rows), 64, f32, 20_000),
            (call(11, 60, 1000, OutputLayout::Rows), 64, f32, 50_000),
            (call(11, 60, 1000, OutputLayout::Rows), 64, f16, 50_000),
            (call(300, 96, 520, OutputLayout::Rows), 32, f32, 140_000),
            (call(301, 300, 960, planes), 32, f32, 240_000),
            (call(301, 300, 960, planes), 32, f16, 240_000),
        ] {
            let limits = limits(bytes);
            let pieces = call.pieces(panel, weight, &limits).unwrap();
            assert!(pieces.len() > 1, "{call:?}");
            let mut covered = vec![0; call.rows * call.columns];
            for piece in &pieces {
                for row in piece.rows.clone() {
                    piece.columns.clone().for_each(|column| covered[row * call.columns + column] += 1);
                }
                for window in call.windows(piece, panel, weight).into_iter().flatten() {
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
        assert_eq!(call(3137, 768, 2304, planes).pieces(32, Element::F32, &limits(128 << 20)).unwrap().len(), 1);
        assert_eq!(
            call(3137, 768, 3072, OutputLayout::Rows).pieces(64, Element::F32, &limits(128 << 20)).unwrap().len(),
            1
        );
    }

    #[test]
    fn a_panel_or_a_plane_beyond_the_limit_is_an_error() {
        assert!(call(8, 4096, 256, OutputLayout::Rows).pieces(64, Element::F32, &limits(1 << 19)).is_err());
        assert!(
            call(4096, 8, 256, OutputLayout::Planes { width: 64 }).pieces(64, Element::F32, &limits(1 << 19)).is_err()
        );
    }
}
