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

/// Tiles of a workgroup, one an invocation, in the `plain` variant.
const PLAIN_INVOCATIONS: usize = 64;
/// Workgroups that keep a large GPU busy; with fewer, smaller tiles are better.
const BUSY_GROUPS: u64 = 256;

/// How a variant divides a product of rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Rows of a tile.
    rows: usize,
    /// Columns of a weight panel, and of a tile.
    panel: usize,
    /// Tiles of a workgroup.
    tiles: usize,
    /// Steps along the inner dimension in one turn of the loop.
    depth: usize,
    /// Iterations of one turn.
    iterations: usize,
}

impl Tile {
    const PLAIN: Self = Self { rows: 4, panel: 4, tiles: PLAIN_INVOCATIONS, depth: 4, iterations: 1 };
    const WORKGROUP_SMALL: Self = Self { rows: 64, panel: 64, tiles: 1, depth: 16, iterations: 6 };
    const WORKGROUP: Self = Self { rows: 128, ..Self::WORKGROUP_SMALL };

    /// The tile of `variant` for a product of `rows` by `columns`.
    pub(super) fn choose(variant: &Variant, rows: usize, columns: usize) -> Self {
        match variant.name {
            "workgroup" if Self::WORKGROUP.groups(rows, columns) >= BUSY_GROUPS && rows > 64 => Self::WORKGROUP,
            "workgroup" => Self::WORKGROUP_SMALL,
            _ => Self::PLAIN,
        }
    }

    /// How `variant` wants the weight.
    pub(super) fn packing(variant: &Variant, _device: &Capabilities) -> Packing {
        Packing::Panels { columns: Self::choose(variant, 1, 1).panel }
    }

    /// Columns of a weight panel.
    pub(super) fn panel(self) -> usize {
        self.panel
    }

    /// What the WGSL of the tile is rendered with.
    pub(super) fn literals(self) -> Literals {
        Literals::new().with("rows", self.rows).with("invocations", self.tiles)
    }

    /// Workgroups for `rows` by `columns`.
    pub(super) fn groups(self, rows: usize, columns: usize) -> u64 {
        (rows.div_ceil(self.rows) as u64 * columns.div_ceil(self.panel) as u64).div_ceil(self.tiles as u64)
    }

    /// An error where the sum over `inner` takes more loop iterations than the device runs.
    pub(super) fn check_depth(self, inner: usize, limits: &Limits) -> Result<()> {
        let turns = inner.div_ceil(self.depth) + 1;
        check_iterations((turns * self.iterations) as u64, limits)
    }
}
