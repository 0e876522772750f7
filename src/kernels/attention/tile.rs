//! How the variants share attention among workgroups.

use crate::gpu::Capabilities;
use crate::kernels::attention::cut::Common;
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::shader::{Literals, Needs, word};
use crate::tensor::{Element, Result};

/// How a variant chooses its tile: for heads of a width, a number of queries of each sequence, and a mask.
pub(in crate::kernels) type Choice = fn(&Capabilities, usize, usize, &Mask) -> Tile;

/// What a plan asks of how a variant shares the work among workgroups.
pub(in crate::kernels) trait Sharing {
    /// The literals of the template, for heads of a width.
    fn literals(&self, width: usize) -> Literals;
    /// Workgroups of a launch.
    fn groups(&self, launch: &Common) -> Result<u64>;
    /// Loop iterations of one invocation.
    fn iterations(&self, width: usize, part: &Part) -> u64;
}

/// How a variant shares the work among workgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) enum Tile {
    /// A query an invocation, whatever its head and sequence; `step` keys an iteration.
    Plain { step: u32 },
    /// `queries` of one head and sequence a workgroup; `lanes` invocations share `rows` of them, and take 4 keys each.
    Shared { queries: u32, lanes: u32, rows: u32 },
    /// `lanes` · `rows` queries of one head and sequence a workgroup of one subgroup; `keys` unrolled, and `span` of them
    /// for each rescaling.
    Subgroup { lanes: u32, rows: u32, keys: u32, span: u32, masked: bool, wide: bool },
}

/// Queries of a workgroup of the plain variant.
const PLAIN_INVOCATIONS: u32 = 32;
/// Lanes that a subgroup's tile is made for; with more, wide heads leave some idle.
const SUBGROUP: u32 = 8;

impl Tile {
    /// A query an invocation. The features of a step's keys are unrolled: for wide heads few keys, or compiling takes long.
    pub(in crate::kernels) const fn of_invocation(width: usize) -> Self {
        Self::Plain { step: if width <= 128 { 4 } else { 1 } }
    }

    /// For short sequences: few queries of few keys, so that little of the tile is idle.
    const SHORT: Self = Self::Shared { queries: 16, lanes: 4, rows: 2 };
    /// For heads to 128 wide: 4 × 4 scores and 4 × ⌈D/32⌉ quads of output an invocation.
    const LONG: Self = Self::Shared { queries: 64, lanes: 8, rows: 4 };
    /// For wider heads: half the keys in memory, half the rows in registers.
    const WIDE: Self = Self::Shared { queries: 64, lanes: 4, rows: 2 };

    /// What a tile of a subgroup needs.
    pub(in crate::kernels) const SUBGROUP_NEEDS: Needs = Needs::subgroup().workgroup_bytes(Self::SUBGROUP_BYTES);
    /// What a shared tile needs.
    pub(in crate::kernels) const SHARED_NEEDS: Needs =
        Needs::invocations(Self::LONG.invocations()).workgroup_bytes(Self::SHARED_BYTES);
    /// What a tile of a query an invocation needs.
    pub(in crate::kernels) const PLAIN_NEEDS: Needs = Needs::invocations(PLAIN_INVOCATIONS);

    /// The most workgroup memory that a subgroup's tile may take: what software devices have.
    const SUBGROUP_BYTES: u32 = 32 << 10;
    /// The most workgroup memory that a shared tile takes.
    const SHARED_BYTES: u32 = {
        let (long, wide) = (Self::LONG.workgroup_bytes(128), Self::WIDE.workgroup_bytes(Qkv::WIDEST as u32));
        if long > wide { long } else { wide }
    };

    /// The tile of a workgroup that shares keys and values.
    pub(in crate::kernels) fn shared(_: &Capabilities, width: usize, queries: usize, _: &Mask) -> Self {
        match (width, queries) {
            (_, 0..=16) => Self::SHORT,
            (0..=128, _) => Self::LONG,
            _ => Self::WIDE,
        }
    }

    /// The tile of a query an invocation.
    pub(in crate::kernels) fn plain(_: &Capabilities, width: usize, _: usize, _: &Mask) -> Self {
        Self::of_invocation(width)
    }

    /// The tile of a subgroup.
    pub(in crate::kernels) fn subgroup(device: &Capabilities, width: usize, queries: usize, mask: &Mask) -> Self {
        Self::of_subgroup(device, width, queries, mask.causal || mask.validity)
    }

    /// Four rows a lane, two where the queries are few; less of everything where wide heads leave little memory.
    fn of_subgroup(device: &Capabilities, width: usize, queries: usize, masked: bool) -> Self {
        // A pair of floats is loaded as one 64-bit word, four of them at a time: 32 bytes.
        let wide = device.int64 && width.is_multiple_of(8) && device.limits.storage_alignment.is_multiple_of(32);
        let mut lanes = device.subgroup_size().unwrap_or(SUBGROUP);
        let short = queries <= 2 * lanes as usize;
        let (mut rows, keys, mut span) = if short { (2, 16, 16) } else { (4, 32, 128) };
        loop {
            let keys = lanes.max(keys);
            let tile = Self::Subgroup { lanes, rows, keys, span: keys.max(span), masked, wide };
            if tile.workgroup_bytes(width as u32) <= Self::SUBGROUP_BYTES {
                return tile;
            }
            if span > keys {
                span /= 2;
            } else if lanes > SUBGROUP {
                lanes /= 2;
            } else {
                rows = 2;
            }
        }
    }

    const fn invocations(self) -> u32 {
        match self {
            Self::Plain { .. } => PLAIN_INVOCATIONS,
            Self::Shared { queries, lanes, rows } => queries / rows * lanes,
            Self::Subgroup { lanes, .. } => lanes,
        }
    }

    /// Bytes of workgroup memory. A shared tile has keys or values, their moments, weights, and what lanes exchange; a
    /// subgroup's has the lanes' own rows and scores.
    const fn workgroup_bytes(self, width: u32) -> u32 {
        let floats = match self {
            Self::Plain { .. } => 0,
            Self::Shared { queries, lanes, .. } => {
                let keys = 4 * lanes;
                keys * width.next_multiple_of(4) + keys + 4 * (queries * lanes + self.invocations())
            }
            Self::Subgroup { lanes, rows, span, .. } => lanes * rows * (width.next_multiple_of(4) + span),
        };
        floats * Element::F32.bytes() as u32
    }

    /// The literals of the template.
    pub(in crate::kernels) fn literals(self, width: usize) -> Literals {
        let literals = Literals::new().with("width", width).with("aligned", width.is_multiple_of(4));
        let literals = literals.with("half_input", false).with("half_output", false);
        match self {
            Self::Plain { step } => literals.with("invocations", PLAIN_INVOCATIONS).with("step", step),
            Self::Shared { queries, lanes, rows } => {
                literals.with("queries", queries).with("lanes", lanes).with("rows", rows)
            }
            Self::Subgroup { lanes, rows, keys, span, masked, wide } => literals
                .with("S", lanes)
                .with("queries", lanes * rows)
                .with("keys", keys)
                .with("span", span)
                .with("masked", masked)
                .with("wide", wide),
        }
    }

    /// Workgroups of a launch.
    pub(in crate::kernels) fn groups(self, launch: &Common) -> Result<u64> {
        let of_tile = |tile: u32| groups_of(tile, launch);
        let groups = match self {
            Self::Plain { .. } => of_tile(1).div_ceil(u64::from(PLAIN_INVOCATIONS)),
            Self::Shared { queries, .. } => of_tile(queries),
            Self::Subgroup { lanes, rows, .. } => of_tile(lanes * rows),
        };
        counted(groups, self.invocations())
    }

    /// Loop iterations of one invocation.
    pub(in crate::kernels) fn iterations(self, width: usize, part: &Part) -> u64 {
        let keys = part.sequences.tokens as u64;
        let quads = width.div_ceil(4) as u64;
        let uniform = part.mask.empty_row == EmptyRow::Uniform;
        match self {
            Self::Plain { step } => keys.div_ceil(u64::from(step)) + if uniform { keys } else { 0 },
            Self::Shared { lanes, rows, .. } => {
                let (lanes, invocations) = (u64::from(lanes), u64::from(self.invocations()));
                let staging = (4 * lanes * quads).div_ceil(invocations);
                let means = if uniform { u64::from(rows) * keys } else { 0 };
                keys.div_ceil(4 * lanes) * (2 + 2 * staging + quads + lanes) + means
            }
            Self::Subgroup { keys: unrolled, span, .. } => {
                let (unrolled, span) = (u64::from(unrolled), u64::from(span));
                let passes = if uniform { 2 } else { 1 };
                let over_keys = keys.div_ceil(span) + keys.div_ceil(unrolled) * (1 + quads) + keys.div_ceil(4);
                passes * (1 + over_keys) + 5 * quads
            }
        }
    }
}

/// Workgroups of a launch, for tiles of so many queries of one head and sequence.
pub(super) fn groups_of(tile: u32, launch: &Common) -> u64 {
    let [queries, heads, sequences] = [launch.queries, launch.heads, launch.sequences].map(u64::from);
    queries.div_ceil(u64::from(tile)) * heads * sequences
}

/// So many workgroups; an error where a kernel cannot count their invocations in 32 bits.
pub(super) fn counted(groups: u64, invocations: u32) -> Result<u64> {
    word(groups as usize * invocations as usize).map(|_| groups)
}

impl Sharing for Tile {
    fn literals(&self, width: usize) -> Literals {
        Self::literals(*self, width)
    }

    fn groups(&self, launch: &Common) -> Result<u64> {
        Self::groups(*self, launch)
    }

    fn iterations(&self, width: usize, part: &Part) -> u64 {
        Self::iterations(*self, width, part)
    }
}
