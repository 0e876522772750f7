//! Products on the host: rows by a weight in panels, a tile of the result at a time, to be finished while it is in cache.

use std::ops::Range;

use crate::kernels::host::{Factor, Threads, multiply, transpose};

/// Columns of a panel: four 512-bit registers, as in the tile of `gemm`, which then reads the panel without copying it.
pub(super) const PANEL: usize = 64;
/// Rows of a tile: few enough for `gemm` not to copy the panel.
pub(super) const STRIP: usize = 48;
/// Rows of a block: with 768 inputs each they and a panel fit a second-level cache of 1 MiB.
pub(super) const BLOCK: usize = 4 * STRIP;

/// A tile of a product: columns of a panel for rows of a strip, `PANEL` elements from row to row.
pub(super) struct Tile<'a> {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) values: &'a mut [f32],
}

/// Elements of a weight of `columns` × `inner` in panels.
pub(super) fn packed(inner: usize, columns: usize) -> usize {
    columns.next_multiple_of(PANEL) * inner
}

/// Packs a weight `[N, K]` into panels `[N / PANEL, K, PANEL]`, the last filled up with zeros.
pub(super) fn pack(weight: &[f32], inner: usize, panels: &mut [f32], threads: &Threads) {
    let columns = weight.len() / inner;
    threads.chunks(panels, PANEL * inner, |index, panel| {
        let present = PANEL.min(columns - index * PANEL);
        transpose(&weight[index * PANEL * inner..], inner, [present, inner], panel, PANEL);
    });
}

/// Blocks into which a product is cut at least, so that many threads get equal work.
const BLOCKS: usize = 64;

/// Columns of each block of a product whose rows make `blocks` blocks: whole panels.
pub(super) fn block_columns(blocks: usize, columns: usize) -> usize {
    let panels = columns.div_ceil(PANEL);
    panels.div_ceil(BLOCKS.div_ceil(blocks).min(panels)) * PANEL
}

/// Multiplies `rows` (`[M, K]`, M at most a block) by the panels of `columns`, which begin and end with panels or with
/// the weight; `finish` is given each tile of the products.
pub(super) fn product(
    rows: &[f32],
    inner: usize,
    panels: &[f32],
    columns: Range<usize>,
    threads: &Threads,
    mut finish: impl FnMut(Tile<'_>),
) {
    let count = rows.len() / inner;
    let mut values = threads.scratch(STRIP * PANEL);
    for start in columns.clone().step_by(PANEL) {
        let panel = Factor::rows(&panels[start * inner..][..PANEL * inner], PANEL);
        for first in (0..count).step_by(STRIP) {
            let strip = first..count.min(first + STRIP);
            let left = Factor::rows(&rows[first * inner..], inner);
            multiply(&mut values, PANEL, [strip.len(), inner, PANEL], left, panel, false);
            finish(Tile { rows: strip, columns: start..columns.end.min(start + PANEL), values: &mut values });
        }
    }
}
