//! The tile under every kernel that multiplies rows by a weight: `shaders/common/product*.wgsl`.

use super::pieces::check_iterations;
use super::{Needs, Packing, Variant};
use crate::gpu::{Capabilities, Limits, Literals};
use crate::tensor::Result;

/// What `common/product.wgsl` needs.
pub(super) const PLAIN: Needs = Needs { subgroup: false, workgroup_bytes: 0, invocations: PLAIN_INVOCATIONS as u32 };
/// What `common/product.workgroup.wgsl` needs: 16 steps of 128 rows (padded by 2) and of 64 columns.
pub(super) const WORKGROUP: Needs =
    Needs { subgroup: false, workgroup_bytes: 4 * 16 * (128 + 2 + 64), invocations: 128 };
/// What `common/product.subgroup.wgsl` needs: room for finished sums.
pub(super) const SUBGROUP: Needs = Needs { subgroup: true, workgroup_bytes: 16 * FINISHED_SUMS as u32, invocations: 0 };

/// Tiles of a workgroup, one an invocation, in the `plain` variant.
const PLAIN_INVOCATIONS: usize = 64;
/// Workgroups that keep a large GPU busy; with fewer, smaller tiles are better.
const BUSY_GROUPS: u64 = 256;
/// Finished sums, four columns each, that the `subgroup` variant holds at a time.
const FINISHED_SUMS: usize = 512;
/// Heights of the `subgroup` tile, with the speed of each in GFLOP/s a core where subgroups have 8 lanes: a taller tile
/// loads less for each product, but wastes more in its last rows.
const SUBGROUP_HEIGHTS: [(usize, usize); 3] = [(16, 20), (32, 26), (64, 30)];

/// How a variant divides a product of rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Rows of a tile.
    rows: usize,
    /// Columns of a weight panel, and of a tile.
    panel: usize,
    /// Invocations of a workgroup.
    invocations: usize,
    /// Tiles of a workgroup.
    tiles: usize,
    /// Steps along the inner dimension in one turn of the loop.
    depth: usize,
    /// Loop iterations of an invocation in one turn.
    iterations: usize,
}

impl Tile {
    const PLAIN: Self =
        Self { rows: 4, panel: 4, invocations: PLAIN_INVOCATIONS, tiles: PLAIN_INVOCATIONS, depth: 4, iterations: 1 };
    const WORKGROUP_SMALL: Self = Self { rows: 64, panel: 64, invocations: 64, tiles: 1, depth: 16, iterations: 6 };
    const WORKGROUP_LARGE: Self = Self { rows: 128, invocations: 128, ..Self::WORKGROUP_SMALL };

    /// The tile of `variant` on `device` for a product of `rows` by `columns`.
    pub(super) fn choose(variant: &Variant, device: &Capabilities, rows: usize, columns: usize) -> Self {
        let busy = |tile: Self| rows > tile.rows / 2 && tile.groups(rows, columns) >= BUSY_GROUPS;
        match (variant.name, device.subgroup_size()) {
            ("subgroup", Some(lanes)) => Self::subgroup(lanes as usize, rows),
            ("workgroup", _) if busy(Self::WORKGROUP_LARGE) => Self::WORKGROUP_LARGE,
            ("workgroup", _) => Self::WORKGROUP_SMALL,
            _ => Self::PLAIN,
        }
    }

    fn subgroup(lanes: usize, rows: usize) -> Self {
        let time = |&(height, speed): &(usize, usize)| rows.next_multiple_of(height) * 1000 / speed;
        let fastest = SUBGROUP_HEIGHTS.into_iter().min_by_key(time).map_or(lanes, |(height, _)| height);
        Self { rows: fastest.max(lanes), panel: 4 * lanes, invocations: lanes, tiles: 1, depth: 4, iterations: 1 }
    }

    /// How `variant` wants the weight on `device`.
    pub(super) fn packing(variant: &Variant, device: &Capabilities) -> Packing {
        Packing::Panels { columns: Self::choose(variant, device, 1, 1).panel }
    }

    /// Columns of a weight panel.
    pub(super) fn panel(self) -> usize {
        self.panel
    }

    /// What the WGSL of the tile is rendered with.
    pub(super) fn literals(self) -> Literals {
        let stored = self.rows.min(FINISHED_SUMS / self.invocations);
        Literals::new()
            .with("rows", self.rows)
            .with("invocations", self.invocations)
            .with("lanes", self.invocations)
            .with("stored", stored)
    }

    /// Workgroups for `rows` by `columns`.
    pub(super) fn groups(self, rows: usize, columns: usize) -> u64 {
        (rows.div_ceil(self.rows) as u64 * columns.div_ceil(self.panel) as u64).div_ceil(self.tiles as u64)
    }

    /// An error where the sum over `inner` takes more loop iterations than the device runs.
    pub(super) fn check_depth(self, inner: usize, limits: &Limits) -> Result<()> {
        let turns = inner.div_ceil(self.depth) + 1;
        check_iterations((turns * self.iterations + 4 * self.rows) as u64, limits)
    }
}
