//! Tiles of workgroups as data: `shaders/products/product.workgroup.wgsl` is rendered for any of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::kernels::shader::Needs;
use crate::tensor::Error;

/// How a workgroup divides a product of rows by columns. By text it is the name of the variants that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkgroupTile {
    /// The name of the variants that have it: `workgroup.64x64x16`, of rows, columns and depth.
    pub name: &'static str,
    /// Rows of the output that a workgroup computes.
    pub rows: usize,
    /// Columns of the output that it computes, which are those of a panel of the weight.
    pub columns: usize,
    /// Steps along the inner dimension that are staged in workgroup memory at a time.
    pub depth: usize,
    /// Rows and columns of the sums that an invocation computes.
    pub block: [usize; 2],
}

/// The tile of this many rows, columns and steps, and of blocks of so many sums.
macro_rules! tile {
    ($rows:literal x $columns:literal x $depth:literal, blocks of $block_rows:literal x $block_columns:literal) => {
        WorkgroupTile {
            name: concat!("workgroup.", $rows, "x", $columns, "x", $depth),
            rows: $rows,
            columns: $columns,
            depth: $depth,
            block: [$block_rows, $block_columns],
        }
    };
}

/// Rows of padding in workgroup memory: see the shader.
const PADDING: usize = 2;

impl WorkgroupTile {
    /// Where there are too few of the large ones to keep a GPU busy.
    pub(in crate::kernels) const SMALL: Self = tile!(64 x 64 x 16, blocks of 8 x 8);
    /// Half as many loads from storage.
    pub(in crate::kernels) const LARGE: Self = tile!(128 x 64 x 16, blocks of 8 x 8);

    /// Every tile that variants are declared for. Each fits the workgroup memory and the invocations that WebGPU guarantees.
    pub const ALL: [Self; 5] = [
        // For few rows, of which a higher tile would leave more idle.
        tile!(32 x 64 x 16, blocks of 4 x 8),
        Self::SMALL,
        // For few rows and many columns.
        tile!(64 x 128 x 16, blocks of 8 x 8),
        Self::LARGE,
        // Least traffic with storage, most invocations that wait for each other.
        tile!(128 x 128 x 8, blocks of 8 x 8),
    ];

    /// Invocations of a workgroup.
    pub const fn invocations(&self) -> usize {
        (self.rows / self.block[0]) * (self.columns / self.block[1])
    }

    /// What a device needs to run it in f32.
    pub(in crate::kernels) const fn needs(&self) -> Needs {
        let floats = self.depth * (self.rows + PADDING + self.columns);
        Needs::invocations(self.invocations() as u32).workgroup_floats(floats as u32)
    }
}

impl fmt::Display for WorkgroupTile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for WorkgroupTile {
    type Err = Error;

    /// An error for the name of no tile.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|tile| tile.name == name).ok_or_else(|| {
            let names = Self::ALL.map(|tile| tile.name).join(", ");
            Error::usage(format!("there is no tile {name:?}; there are {names}"))
        })
    }
}

impl Serialize for WorkgroupTile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for WorkgroupTile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Limits;

    /// What the shader takes for granted: its staging and its blocks come out even.
    #[test]
    fn tiles_are_divided_without_a_rest_and_fit_every_device() {
        for tile in WorkgroupTile::ALL {
            let WorkgroupTile { name, rows, columns, depth, block: [block_rows, block_columns] } = tile;
            assert_eq!(name, format!("workgroup.{rows}x{columns}x{depth}"));
            assert!(rows % block_rows == 0 && columns % block_columns == 0 && block_columns % 4 == 0, "{name}");
            let invocations = tile.invocations();
            let (left, weight) = (rows * depth / 4, columns * depth / 4);
            assert!(depth % 4 == 0 && invocations % (depth / 4) == 0, "{name}");
            assert!(left % invocations == 0 && weight % invocations == 0, "{name}: {invocations}");
            assert!(tile.needs().workgroup_bytes <= Limits::WEBGPU.workgroup_bytes, "{name}");
            assert!(tile.needs().invocations <= Limits::WEBGPU.workgroup_invocations, "{name}");
            assert_eq!(tile.to_string().parse::<WorkgroupTile>().unwrap(), tile);
        }
        let error = "workgroup.8x8x8".parse::<WorkgroupTile>().unwrap_err().to_string();
        assert!(error.contains("8x8x8") && error.contains("workgroup.128x128x8"), "{error}");
    }
}
