//! The tile under every kernel that multiplies rows by a weight: `shaders/products/product*.wgsl`.

use crate::gpu::Capabilities;
use crate::kernels::shader::{Dispatches, Literals, Needs, Unfit, WorkgroupTile};
use crate::tensor::{Element, Format, Layout, Result};

/// What `products/product.wgsl` needs.
pub(super) const PLAIN: Needs = Needs::invocations(PLAIN_INVOCATIONS as u32).workgroup_bytes(0);
/// What `products/product.workgroup.wgsl` needs for the larger of the tiles that it has where none is named.
pub(super) const WORKGROUP: Needs = WorkgroupTile::LARGE.needs();
/// The same with halves in that memory: 16 steps of 128 rows, padded by 4, and of 64 columns.
pub(super) const WORKGROUP_OF_HALVES: Needs = Needs::invocations(128).workgroup_bytes(2 * 16 * (128 + 4 + 64)).f16();
/// What `products/product.subgroup.wgsl` needs: room for finished sums.
pub(super) const SUBGROUP: Needs = Needs::subgroup().workgroup_bytes(16 * FINISHED_SUMS as u32);

/// What `products/product.matrix.wgsl` needs: 32 steps of 128 rows and of 64 columns of halves, all padded by 8, and room
/// for finished sums.
pub(super) const MATRIX: Needs = Needs::invocations(MATRIX_INVOCATIONS as u32)
    .matrices()
    .workgroup_bytes((2 * (128 * (32 + 8) + 32 * (64 + 8)) + 4 * 64 * FINISHED_ROWS) as u32);

/// Invocations of a workgroup in the `matrix` variant.
const MATRIX_INVOCATIONS: usize = 128;
/// Rows of finished sums that the `matrix` variant holds at a time.
const FINISHED_ROWS: usize = 64;
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
    /// How the tile is divided into matrices, where matrix units multiply.
    matrices: Option<Matrices>,
    /// How it is divided into blocks, where a workgroup stages its operands.
    shared: Option<WorkgroupTile>,
}

/// How a workgroup divides its tile into the matrices of a device's matrix units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Matrices {
    /// Rows and columns of a matrix.
    edge: usize,
    /// Subgroups along the tile's rows and along its columns.
    subgroups: [usize; 2],
    /// Matrices of a subgroup along the rows and along the columns.
    of_subgroup: [usize; 2],
}

impl Matrices {
    /// Of a tile of `rows` by `columns`: as nearly square a part for each subgroup as there is.
    fn of(device: &Capabilities, rows: usize, columns: usize) -> Result<Self, Unfit> {
        let edge = device.matrix_edge().ok_or_else(|| Unfit::new("there are no matrix units for f16"))? as usize;
        let lanes = device.subgroup_size().ok_or_else(|| Unfit::new("the subgroup size is not known"))? as usize;
        let count = MATRIX_INVOCATIONS / lanes;
        let across = 1 << (count.max(1).ilog2() / 2);
        let subgroups = [count / across, across];
        let step = subgroups.map(|subgroups| subgroups * edge);
        let divides = count > 0 && rows.is_multiple_of(step[0]) && columns.is_multiple_of(step[1]);
        match divides && step[0] <= FINISHED_ROWS {
            true => Ok(Self { edge, subgroups, of_subgroup: [rows / step[0], columns / step[1]] }),
            false => Err(Unfit::new(format!(
                "{MATRIX_INVOCATIONS} invocations in subgroups of {lanes} do not divide {rows} × {columns} into {edge} × {edge}"
            ))),
        }
    }
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
        matrices: None,
        shared: None,
    };
    const WORKGROUP_SMALL: Self = Self::shared(WorkgroupTile::SMALL);
    const WORKGROUP_LARGE: Self = Self::shared(WorkgroupTile::LARGE);
    const MATRIX_SMALL: Self =
        Self { lanes: MATRIX_INVOCATIONS, depth: 32, iterations: 1, shared: None, ..Self::WORKGROUP_SMALL };
    const MATRIX_LARGE: Self = Self { rows: 128, ..Self::MATRIX_SMALL };

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
        Ok(Self::busy(Self::WORKGROUP_LARGE, rows, columns).unwrap_or(Self::WORKGROUP_SMALL))
    }

    /// The same of a workgroup whose matrix units multiply.
    pub(super) fn matrix(device: &Capabilities, rows: usize, columns: usize, _: bool) -> Result<Self, Unfit> {
        let tile = Self::busy(Self::MATRIX_LARGE, rows, columns).unwrap_or(Self::MATRIX_SMALL);
        Ok(Self { matrices: Some(Matrices::of(device, tile.rows, tile.panel)?), ..tile })
    }

    /// The `large` tile, where enough of them keep a GPU busy with a product of `rows` by `columns`.
    fn busy(large: Self, rows: usize, columns: usize) -> Option<Self> {
        (rows > large.rows / 2 && large.groups(rows, columns) >= BUSY_GROUPS).then_some(large)
    }

    /// The tile of an invocation.
    pub(super) fn plain(_: &Capabilities, _: usize, _: usize, _: bool) -> Result<Self, Unfit> {
        Ok(Self::PLAIN)
    }

    /// The tile at this index in [`WorkgroupTile::ALL`], whatever the sizes.
    pub(super) fn of_workgroup<const INDEX: usize>(
        _: &Capabilities,
        _: usize,
        _: usize,
        _: bool,
    ) -> Result<Self, Unfit> {
        Ok(Self::shared(WorkgroupTile::ALL[INDEX]))
    }

    /// A tile whose operands a workgroup stages. A step has a turn for each four of its depth, and two for the loop.
    const fn shared(tile: WorkgroupTile) -> Self {
        let WorkgroupTile { rows, columns, depth, .. } = tile;
        let (lanes, iterations) = (tile.invocations(), depth / 4 + 2);
        let (tiles, wide, matrices, shared) = (1, false, None, Some(tile));
        Self { rows, panel: columns, lanes, tiles, depth, iterations, wide, matrices, shared }
    }

    fn of_subgroup(lanes: usize, rows: usize, wide: bool) -> Self {
        let lanes = lanes.min(SUBGROUP_LANES);
        let heights = if wide { WIDE_HEIGHTS } else { SUBGROUP_HEIGHTS };
        let time = |&(height, speed): &(usize, usize)| rows.next_multiple_of(height) * 1000 / speed;
        let fitting = heights.into_iter().filter(|(height, _)| height.is_multiple_of(lanes));
        let rows = fitting.min_by_key(time).map_or(lanes, |(height, _)| height);
        let depth = if wide { 8 } else { 4 };
        let (matrices, shared) = (None, None);
        Self { rows, panel: 4 * lanes, lanes, tiles: 1, depth, iterations: 1, wide, matrices, shared }
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
        let tile = tile.with("half_input", factor == Element::F16).with("half_output", output == Element::F16);
        if let Some(WorkgroupTile { columns, depth, block: [block_rows, block_columns], .. }) = self.shared {
            let tile = tile.with("columns", columns).with("depth", depth);
            return tile.with("block_rows", block_rows).with("block_columns", block_columns);
        }
        let Some(Matrices { edge, subgroups, of_subgroup }) = self.matrices else { return tile };
        let tile = tile.with("edge", edge).with("row_subgroups", subgroups[0]).with("column_subgroups", subgroups[1]);
        tile.with("row_matrices", of_subgroup[0]).with("column_matrices", of_subgroup[1])
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
    use crate::gpu::{DeviceKind, MatrixShape, Subgroup};

    #[test]
    fn long_sums_take_more_iterations_than_some_devices_run() {
        let shared = WorkgroupTile::ALL.map(Tile::shared);
        for tile in [Tile::PLAIN, Tile::of_subgroup(8, 3137, false)].into_iter().chain(shared) {
            assert!(tile.iterations(70_000) <= 65_535);
            assert!(tile.iterations(263_000) > 65_535);
        }
    }

    #[test]
    fn subgroups_share_a_tile_of_matrices() {
        let device = |lanes, edge| {
            let mut device = Capabilities::of_kind(DeviceKind::Discrete);
            device.subgroup = Some(Subgroup { smallest: lanes, largest: lanes });
            device.matrix_shapes = vec![MatrixShape::square(edge)];
            device
        };
        for (lanes, edge) in [(4, 8), (8, 8), (16, 16), (32, 8), (32, 16), (64, 16), (128, 16)] {
            for rows in [64, 128] {
                let Matrices { edge, subgroups, of_subgroup } = Matrices::of(&device(lanes, edge), rows, 64).unwrap();
                assert_eq!(subgroups.iter().product::<usize>() * lanes as usize, MATRIX_INVOCATIONS);
                let covered: Vec<_> = subgroups.iter().zip(of_subgroup).map(|(count, of)| count * of * edge).collect();
                assert_eq!(covered, [rows, 64], "{lanes} lanes, {edge}");
            }
        }
        let tile = Tile::matrix(&device(32, 16), 3137, 3072, true).unwrap();
        assert_eq!((tile.rows, tile.matrices.unwrap().of_subgroup), (128, [4, 2]));
        assert_eq!(Tile::matrix(&device(32, 16), 64, 3072, true).unwrap().rows, 64);
        assert!(Matrices::of(&device(4, 16), 64, 64).is_err());
        assert!(Matrices::of(&device(256, 16), 64, 64).is_err());
        assert!(Tile::matrix(&Capabilities::of_kind(DeviceKind::Discrete), 64, 64, true).is_err());
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
