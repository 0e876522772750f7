//! How the variants share attention among workgroups.

use super::pieces::Parameters;
use super::sequences::{EmptyRow, Part, Qkv};
use crate::gpu::Literals;
use crate::kernels::Variant;
use crate::kernels::pieces::word;
use crate::tensor::Result;

/// How a variant shares the work among workgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) enum Tile {
    /// A query an invocation, whatever its head and sequence.
    Plain,
    /// `queries` of one head and sequence a workgroup; `lanes` invocations share `rows` of them, and take 4 keys each.
    Shared { queries: u32, lanes: u32, rows: u32 },
}

/// Queries of a workgroup of the plain variant.
pub(in crate::kernels) const PLAIN_INVOCATIONS: u32 = 32;

impl Tile {
    /// For short sequences: few queries of few keys, so that little of the tile is idle.
    const SHORT: Self = Self::Shared { queries: 16, lanes: 4, rows: 2 };
    /// For heads to 128 wide: 4 × 4 scores and 4 × ⌈D/32⌉ quads of output an invocation.
    const LONG: Self = Self::Shared { queries: 64, lanes: 8, rows: 4 };
    /// For wider heads: half the keys in memory, half the rows in registers.
    const WIDE: Self = Self::Shared { queries: 64, lanes: 4, rows: 2 };

    /// The most workgroup memory that a tile takes.
    pub(in crate::kernels) const MOST_BYTES: u32 = {
        let (long, wide) = (Self::LONG.workgroup_bytes(128), Self::WIDE.workgroup_bytes(Qkv::WIDEST as u32));
        if long > wide { long } else { wide }
    };
    /// The most invocations that a tile takes.
    pub(in crate::kernels) const MOST_INVOCATIONS: u32 = Self::LONG.invocations();

    /// The tile of `variant` for heads of `width` and `queries` of each sequence.
    pub(in crate::kernels) fn of(variant: &Variant, width: usize, queries: usize) -> Self {
        match (variant.name, width, queries) {
            ("workgroup", _, 0..=16) => Self::SHORT,
            ("workgroup", 0..=128, _) => Self::LONG,
            ("workgroup", ..) => Self::WIDE,
            _ => Self::Plain,
        }
    }

    const fn invocations(self) -> u32 {
        match self {
            Self::Plain => PLAIN_INVOCATIONS,
            Self::Shared { queries, lanes, rows } => queries / rows * lanes,
        }
    }

    /// Workgroup memory: keys or values, their moments, weights, and what lanes tell each other.
    const fn workgroup_bytes(self, width: u32) -> u32 {
        match self {
            Self::Plain => 0,
            Self::Shared { queries, lanes, .. } => {
                let keys = 4 * lanes;
                keys * width.div_ceil(4) * 16 + keys * 4 + queries * lanes * 16 + self.invocations() * 16
            }
        }
    }

    /// The literals of the template.
    pub(in crate::kernels) fn literals(self, width: usize) -> Literals {
        let literals = Literals::new().with("width", width).with("aligned", width.is_multiple_of(4));
        match self {
            Self::Plain => literals.with("invocations", PLAIN_INVOCATIONS),
            Self::Shared { queries, lanes, rows } => {
                literals.with("queries", queries).with("lanes", lanes).with("rows", rows)
            }
        }
    }

    /// Workgroups of a launch.
    pub(in crate::kernels) fn groups(self, launch: &Parameters) -> Result<u64> {
        let [queries, heads, sequences] = [launch.queries, launch.heads, launch.sequences].map(u64::from);
        let groups = match self {
            Self::Plain => (queries * heads * sequences).div_ceil(u64::from(PLAIN_INVOCATIONS)),
            Self::Shared { queries: tile, .. } => queries.div_ceil(u64::from(tile)) * heads * sequences,
        };
        // A kernel counts invocations in 32 bits.
        word(groups as usize * self.invocations() as usize)?;
        Ok(groups)
    }

    /// Loop iterations of one invocation.
    pub(in crate::kernels) fn iterations(self, width: usize, part: &Part) -> u64 {
        let keys = part.sequences.tokens as u64;
        let quads = width.div_ceil(4) as u64;
        let over_keys = match self {
            Self::Plain => keys.div_ceil(4),
            Self::Shared { lanes, .. } => {
                let (lanes, invocations) = (u64::from(lanes), u64::from(self.invocations()));
                let staging = (4 * lanes * quads).div_ceil(invocations);
                keys.div_ceil(4 * lanes) * (2 + 2 * staging + quads + lanes)
            }
        };
        let mean = if part.mask.empty_row == EmptyRow::Uniform { keys * 4 } else { 0 };
        over_keys + mean
    }
}
