//! The tile under every kernel that multiplies rows by a weight: `shaders/products/product*.wgsl`.

use crate::gpu::Capabilities;
use crate::kernels::shader::{Dispatches, Literals, Needs, Unfit};
use crate::tensor::{Element, Format, Layout, Result};

/// What `products/product.wgsl` needs.
pub(super) const PLAIN: Needs = Needs::invocations(PLAIN_INVOCATIONS as u32).workgroup_bytes(0);
/// What `products/product.workgroup.wgsl` needs: 16 steps of 128 rows (padded by 2) and of 64 columns.
pub(super) const WORKGROUP: Needs = Needs::invocations(128).workgroup_floats(16 * (128 + 2 + 64));
/// The same with halves in that memory, and rows padded by 4.
pub(super) const WORKGROUP_OF_HALVES: Needs = Needs::invocations(128).workgroup_bytes(2 * 16 * (128 + 4 + 64)).f16();
/// What `products/product.subgroup.wgsl` needs: room for finished sums.
pub(super) const SUBGROUP: Needs = Needs::subgroup().workgroup_bytes(16 * FINISHED_SUMS as u32);

/// Tiles of a workgroup, one an invocation, in the `plain` variant.
const PLAIN_INVOCATIONS: usize = 64;
/// Workgroups that keep a large GPU busy; with fewer, smaller tiles are better.
const BUSY_GROUPS: u64 = 256;
/// Finished sums, four columns each, that the `subgroup` variant holds at a time.
const FINISHED_SUMS: usize = 512;
/// Lanes of a subgroup that the `subgroup` tile uses; the rest of a wider one is idle, for a panel of weights of four
/// columns a lane must stay small enough to be bound.
const SUBGROUP_LANES: usize = 32;
/// Heights of the `subgroup` tile, with the speed of each in GFLOP/s a core (llvmpipe, 8 lanes). A taller tile loads less
/// for each product but may waste more on rows beyond the last; beyond 64 rows its unrolled step no longer fits the 32 KiB
/// that a core keeps of its instructions.
const SUBGROUP_HEIGHTS: [(usize, usize); 3] = [(16, 18), (32, 20), (64, 22)];
/// The same for tiles with 64-bit loads; from 48 rows on the unrolled step no longer fits the instruction cache.
const WIDE_HEIGHTS: [(usize, usize); 3] = [(8, 15), (16, 20), (40, 26)];

/// How a variant chooses its tile, from the device, rows, columns, and whether two floats may be loaded at once.
pub(super) type Choice = fn(&Capabilities, usize, usize, bool) -> Result<Tile, Unfit>;

/// The elements in which a product's operands are stored; those that are not named are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// What the weight multiplies.
    pub(super) factor: Element,
    pub(super) weight: Element,
    pub(super) output: Element,
}

impl Stored {
    /// As the call is asked for.
    pub(super) fn asked(dispatches: &Dispatches<'_>) -> Self {
        Self { factor: dispatches.factors(), weight: dispatches.weights(), output: dispatches.outputs() }
    }
}

/// How a variant divides a product of rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Rows of a tile.
    rows: usize,
    /// Columns of a weight panel, and of a tile.
    panel: usize,
    /// Invocations of a workgroup.
    lanes: usize,
    /// Tiles of a workgroup.
    tiles: usize,
    /// Steps along the inner dimension in one turn of the loop.
    depth: usize,
    /// Loop iterations of an invocation in one turn.
    iterations: usize,
    /// Whether two floats are loaded as one 64-bit word.
    wide: bool,
}

impl Tile {
    const PLAIN: Self = Self {
        rows: 4,
        panel: 4,
        lanes: PLAIN_INVOCATIONS,
        tiles: PLAIN_INVOCATIONS,
        depth: 4,
        iterations: 1,
        wide: false,
    };
    const WORKGROUP_SMALL: Self =
        Self { rows: 64, panel: 64, lanes: 64, tiles: 1, depth: 16, iterations: 6, wide: false };
    const WORKGROUP_LARGE: Self = Self { rows: 128, lanes: 128, ..Self::WORKGROUP_SMALL };

    /// The tile of a subgroup for a product of `rows`; `wide` where operands and sizes let it load two floats at once.
    pub(super) fn subgroup(device: &Capabilities, rows: usize, _: usize, wide: bool) -> Result<Self, Unfit> {
        let lanes = device.subgroup_size().ok_or_else(|| Unfit::new("the subgroup size is not known"))?;
        let wide = wide && device.int64 && device.limits.storage_alignment.is_multiple_of(32);
        Ok(Self::of_subgroup(lanes as usize, rows, wide))
    }

    /// The same for halves, of which eight are loaded at once as four words.
    pub(super) fn subgroup_of_halves(device: &Capabilities, rows: usize, _: usize, wide: bool) -> Result<Self, Unfit> {
        let lanes = device.subgroup_size().ok_or_else(|| Unfit::new("the subgroup size is not known"))?;
        Ok(Self::of_subgroup(lanes as usize, rows, wide && device.limits.storage_alignment.is_multiple_of(16)))
    }

    /// The tile of a workgroup for a product of `rows` by `columns`: the large one where enough of them keep a GPU busy.
    pub(super) fn workgroup(_: &Capabilities, rows: usize, columns: usize, _: bool) -> Result<Self, Unfit> {
        let large = Self::WORKGROUP_LARGE;
        let busy = rows > large.rows / 2 && large.groups(rows, columns) >= BUSY_GROUPS;
        Ok(if busy { large } else { Self::WORKGROUP_SMALL })
    }

    /// The tile of an invocation.
    pub(super) fn plain(_: &Capabilities, _: usize, _: usize, _: bool) -> Result<Self, Unfit> {
        Ok(Self::PLAIN)
    }

    fn of_subgroup(lanes: usize, rows: usize, wide: bool) -> Self {
        let lanes = lanes.min(SUBGROUP_LANES);
        let heights = if wide { WIDE_HEIGHTS } else { SUBGROUP_HEIGHTS };
        let time = |&(height, speed): &(usize, usize)| rows.next_multiple_of(height) * 1000 / speed;
        let fitting = heights.into_iter().filter(|(height, _)| height.is_multiple_of(lanes));
        let rows = fitting.min_by_key(time).map_or(lanes, |(height, _)| height);
        let depth = if wide { 8 } else { 4 };
        Self { rows, panel: 4 * lanes, lanes, tiles: 1, depth, iterations: 1, wide }
    }

    /// The format of a weight of these elements.
    pub(super) fn weight(self, element: Element) -> Format {
        let layout = match self.wide {
            true => Layout::PairedPanels { columns: self.panel },
            false => Layout::Panels { columns: self.panel },
        };
        Format { element, layout }
    }

    /// Columns of a weight panel.
    pub(super) fn panel(self) -> usize {
        self.panel
    }

    /// The literals of the tile's WGSL, for operands that are stored like this.
    pub(super) fn literals(self, stored: Stored) -> Literals {
        let Stored { factor, weight, output } = stored;
        let at_a_time = self.rows.min(FINISHED_SUMS / self.lanes);
        let tile = Literals::new().with("rows", self.rows).with("lanes", self.lanes).with("stored", at_a_time);
        let tile = tile.with("wide", self.wide).with("half", weight == Element::F16);
        tile.with("half_input", factor == Element::F16).with("half_output", output == Element::F16)
    }

    /// Workgroups for `rows` by `columns`.
    pub(super) fn groups(self, rows: usize, columns: usize) -> u64 {
        (rows.div_ceil(self.rows) as u64 * columns.div_ceil(self.panel) as u64).div_ceil(self.tiles as u64)
    }

    /// Loop iterations of an invocation that sums over `inner` and stores.
    pub(super) fn iterations(self, inner: usize) -> u64 {
        let turns = inner.div_ceil(self.depth) + 1;
        (turns * self.iterations + 4 * self.rows) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sums_take_more_iterations_than_some_devices_run() {
        for tile in [Tile::PLAIN, Tile::WORKGROUP_LARGE, Tile::of_subgroup(8, 3137, false)] {
            assert!(tile.iterations(70_000) <= 65_535);
            assert!(tile.iterations(263_000) > 65_535);
        }
    }

    #[test]
    fn subgroup_tiles_follow_the_rows_in_multiples_of_the_lanes() {
        assert_eq!(Tile::of_subgroup(8, 1, false).rows, 16);
        assert_eq!(Tile::of_subgroup(8, 30, false).rows, 32);
        assert_eq!(Tile::of_subgroup(8, 3137, false).rows, 64);
        assert_eq!(Tile::of_subgroup(32, 1, false).rows, 32);
        assert_eq!(Tile::of_subgroup(128, 30, false), Tile::of_subgroup(32, 30, false));
        assert_eq!(Tile::of_subgroup(8, 3137, true).rows, 40);
        assert_eq!(Tile::of_subgroup(16, 3137, true).rows, 16);
    }
}
