//! The tile under every kernel that multiplies columns by columns, and how its rows are cut:
//! `shaders/products/of_columns*.wgsl`.

use std::ops::Range;

use crate::kernels::shader::{Dispatches, Literals, Needs, Unfit};

/// What `products/of_columns.wgsl` needs.
pub(super) const PLAIN: Needs = Needs::invocations(PLAIN_INVOCATIONS);
/// What `products/of_columns.workgroup.wgsl` needs: 16 rows of 64 columns of each operand.
pub(super) const WORKGROUP: Needs = Needs::invocations(64).workgroup_floats(2 * 16 * 64);

/// Invocations of a workgroup in the `plain` variant.
const PLAIN_INVOCATIONS: u32 = 64;
/// The most rows that one launch adds up: later ones are added to the sums of those before, which keeps roundings few.
pub(super) const ROWS: usize = 4096;

/// Neighbours that are loaded and stored together.
pub(super) const QUAD: usize = 4;

/// How a variant divides a product of columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnTile {
    /// Columns of either operand in a tile.
    side: usize,
    /// Tiles of a workgroup.
    tiles: u64,
    /// Loop iterations of an invocation a row, times 16.
    iterations: u64,
}

impl ColumnTile {
    pub(super) const PLAIN: Self = Self { side: 4, tiles: PLAIN_INVOCATIONS as u64, iterations: 16 };
    pub(super) const WORKGROUP: Self = Self { side: 64, tiles: 1, iterations: 17 };

    /// Workgroups for `columns` of the left operand by `inner` of the right one.
    pub(super) fn groups(self, columns: usize, inner: usize) -> u64 {
        (columns.div_ceil(self.side) as u64 * inner.div_ceil(self.side) as u64).div_ceil(self.tiles)
    }

    /// The literals of its WGSL, for operands whose rows are whole groups of four or not.
    pub(super) fn literals(self, aligned: bool) -> Literals {
        Literals::new().with("lanes", PLAIN_INVOCATIONS).with("aligned", aligned)
    }

    /// Unfit where one launch would run more loop iterations than the device does.
    pub(super) fn check(self, rows: usize, dispatches: &Dispatches<'_>) -> Result<(), Unfit> {
        dispatches.check_iterations(rows.min(ROWS) as u64 * self.iterations / 16 + 2)
    }
}

/// Runs of at most [`ROWS`] rows, each no longer than fits a binding in operands of these elements a row.
pub(super) fn row_runs(
    rows: usize,
    elements_per_row: &[usize],
    dispatches: &Dispatches<'_>,
) -> Result<Vec<Range<usize>>, Unfit> {
    let cut = |run: Range<usize>| run.clone().step_by(ROWS).map(move |start| start..run.end.min(start + ROWS));
    Ok(dispatches.runs_anywhere(rows, elements_per_row)?.into_iter().flat_map(cut).collect())
}

/// Runs of `columns` whose part of the output, `inner` elements each, fits a binding. They begin at fours, so that quads
/// stay whole.
pub(super) fn column_runs(
    columns: usize,
    inner: usize,
    dispatches: &Dispatches<'_>,
) -> Result<Vec<Range<usize>>, Unfit> {
    let quads = dispatches.runs_anywhere(columns.div_ceil(QUAD), &[QUAD * inner])?;
    Ok(quads.into_iter().map(|quads| quads.start * QUAD..columns.min(quads.end * QUAD)).collect())
}
