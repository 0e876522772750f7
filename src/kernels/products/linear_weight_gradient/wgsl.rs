//! The gradient of a linear layer's weight in WGSL, on the tile of products of columns.

use super::LinearWeightGradient;
use crate::kernels::products::columns::{ColumnTile, PLAIN, QUAD, WORKGROUP, column_runs, row_runs};
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        columns: u32,
        inner: u32,
        gradient_row: u32,
        gradient_start: u32,
        input_start: u32,
        output_start: u32,
        continued: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<LinearWeightGradient>; 2] = [
    Planned::gpu(wgsl!("products/linear_weight_gradient.workgroup.wgsl"), WORKGROUP, |call, to| {
        plan(call, to, ColumnTile::WORKGROUP)
    }),
    Planned::any(wgsl!("products/linear_weight_gradient.wgsl"), PLAIN, |call, to| plan(call, to, ColumnTile::PLAIN)),
];

fn plan(call: &LinearWeightGradient, dispatches: &mut Dispatches<'_>, tile: ColumnTile) -> Result<(), Unfit> {
    let LinearWeightGradient { rows, inner, columns } = *call;
    tile.check(rows, dispatches)?;
    let literals = tile.literals(inner.is_multiple_of(QUAD) && columns.is_multiple_of(QUAD));
    let row_runs = row_runs(rows, &[columns, inner], dispatches)?;
    for of in column_runs(columns, inner, dispatches)? {
        let (output, output_start) = dispatches.window(&(of.start * inner..of.end * inner));
        for run in &row_runs {
            let (gradient, gradient_start) = dispatches.window(&(run.start * columns..run.end * columns));
            let (input, input_start) = dispatches.window(&(run.start * inner..run.end * inner));
            let uniform = Uniform {
                rows: word(run.len())?,
                columns: word(of.len())?,
                inner: word(inner)?,
                gradient_row: word(columns)?,
                gradient_start: word(gradient_start as usize + of.start)?,
                input_start,
                output_start,
                continued: u32::from(run.start > 0),
            };
            let windows = vec![Some(gradient), Some(input), Some(output.clone())];
            dispatches.launch(tile.groups(of.len(), inner), literals.clone(), &uniform, windows)?;
        }
    }
    Ok(())
}
