//! The tile under every kernel that multiplies rows by a weight: `shaders/products/product*.wgsl`.

use crate::gpu::{Capabilities, Limits};
use crate::kernels::contract::cut::check_iterations;
use crate::kernels::shader::{Literals, Needs, Packing, Variant};
use crate::tensor::Result;

/// What `products/product.wgsl` needs.
pub(super) const PLAIN: Needs = Needs { subgroup: false, workgroup_bytes: 0, invocations: PLAIN_INVOCATIONS as u32 };
/// What `products/product.workgroup.wgsl` needs: 16 steps of 128 rows (padded by 2) and of 64 columns.
pub(super) const WORKGROUP: Needs =
    Needs { subgroup: false, workgroup_bytes: 4 * 16 * (128 + 2 + 64), invocations: 128 };
/// What `products/product.subgroup.wgsl` needs: room for finished sums.
pub(super) const SUBGROUP: Needs = Needs { subgroup: true, workgroup_bytes: 16 * FINISHED_SUMS as u32, invocations: 0 };

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
/// The same with 64-bit loads; from 48 rows on the unrolled step no longer fits the instruction cache.
const WIDE_HEIGHTS: [(usize, usize); 3] = [(8, 15), (16, 20), (40, 26)];

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
    /// Two floats in one 64-bit load.
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

    /// Whether `variant` may load two floats at once on `device`, where operands and sizes allow it.
    pub(super) fn may_be_wide(variant: &Variant, device: &Capabilities) -> bool {
        variant.name == "subgroup" && device.int64 && device.limits.storage_alignment.is_multiple_of(32)
    }

    /// The tile of `variant` on `device` for a product of `rows` by `columns`.
    pub(super) fn choose(
        variant: &Variant,
        device: &Capabilities,
        rows: usize,
        columns: usize,
        wide: bool,
    ) -> Result<Self> {
        let busy = |tile: Self| rows > tile.rows / 2 && tile.groups(rows, columns) >= BUSY_GROUPS;
        match (variant.name, device.subgroup_size()) {
            ("subgroup", Some(lanes)) => Ok(Self::subgroup(lanes as usize, rows, wide)),
            ("workgroup", _) if busy(Self::WORKGROUP_LARGE) => Ok(Self::WORKGROUP_LARGE),
            ("workgroup", _) => Ok(Self::WORKGROUP_SMALL),
            ("plain", _) => Ok(Self::PLAIN),
            _ => Err(variant.unknown()),
        }
    }

    fn subgroup(lanes: usize, rows: usize, wide: bool) -> Self {
        let lanes = lanes.min(SUBGROUP_LANES);
        let heights = if wide { WIDE_HEIGHTS } else { SUBGROUP_HEIGHTS };
        let time = |&(height, speed): &(usize, usize)| rows.next_multiple_of(height) * 1000 / speed;
        let fitting = heights.into_iter().filter(|(height, _)| height.is_multiple_of(lanes));
        let rows = fitting.min_by_key(time).map_or(lanes, |(height, _)| height);
        let depth = if wide { 8 } else { 4 };
        Self { rows, panel: 4 * lanes, lanes, tiles: 1, depth, iterations: 1, wide }
    }

    /// How the weight lies.
    pub(super) fn packing(self) -> Packing {
        match self.wide {
            true => Packing::PairedPanels { columns: self.panel },
            false => Packing::Panels { columns: self.panel },
        }
    }

    /// Columns of a weight panel.
    pub(super) fn panel(self) -> usize {
        self.panel
    }

    /// What the WGSL of the tile is rendered with.
    pub(super) fn literals(self) -> Literals {
        let stored = self.rows.min(FINISHED_SUMS / self.lanes);
        Literals::new().with("rows", self.rows).with("lanes", self.lanes).with("stored", stored).with("wide", self.wide)
    }

    /// Workgroups for `rows` by `columns`.
    pub(super) fn groups(self, rows: usize, columns: usize) -> u64 {
        (rows.div_ceil(self.rows) as u64 * columns.div_ceil(self.panel) as u64).div_ceil(self.tiles as u64)
    }

    /// An error where the sum over `inner` takes more loop iterations than the device runs.
    pub(super) fn check_depth(self, inner: usize, limits: &Limits) -> Result<()> {
        let turns = inner.div_ceil(self.depth) + 1;
        let storing = 4 * self.rows;
        check_iterations((turns * self.iterations + storing) as u64, limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(loop_iterations: Option<u32>) -> Limits {
        Limits { loop_iterations, ..Limits::WEBGPU }
    }

    #[test]
    fn a_sum_longer_than_the_device_loops_is_an_error() {
        for tile in [Tile::PLAIN, Tile::WORKGROUP_LARGE, Tile::subgroup(8, 3137, false)] {
            assert!(tile.check_depth(70_000, &limits(Some(65_535))).is_ok());
            assert!(tile.check_depth(263_000, &limits(Some(65_535))).is_err());
            assert!(tile.check_depth(263_000, &limits(None)).is_ok());
        }
    }

    #[test]
    fn subgroup_tiles_follow_the_rows_in_multiples_of_the_lanes() {
        assert_eq!(Tile::subgroup(8, 1, false).rows, 16);
        assert_eq!(Tile::subgroup(8, 30, false).rows, 32);
        assert_eq!(Tile::subgroup(8, 3137, false).rows, 64);
        assert_eq!(Tile::subgroup(32, 1, false).rows, 32);
        assert_eq!(Tile::subgroup(128, 30, false), Tile::subgroup(32, 30, false));
        assert_eq!(Tile::subgroup(8, 3137, true).rows, 40);
        assert_eq!(Tile::subgroup(16, 3137, true).rows, 16);
    }
}
