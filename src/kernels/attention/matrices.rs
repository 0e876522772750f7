//! How matrix units share attention among workgroups: `shaders/attention/forward.f16.matrix.wgsl`.

use crate::gpu::Capabilities;
use crate::kernels::attention::cut::Common;
use crate::kernels::attention::mask::{EmptyRow, Mask};
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::{Sharing, counted, groups_of};
use crate::kernels::shader::{Literals, Needs, Unfit};
use crate::tensor::{Element, Result};

/// Queries of one head and sequence a workgroup, which meets the keys step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct Matrices {
    /// Rows and columns of a matrix.
    edge: u32,
    /// Invocations of a subgroup.
    subgroup: u32,
    /// Queries of a workgroup and keys of a step: powers of two, at least `edge`.
    step: Step,
    /// Whether values may be hidden from some queries alone.
    causal: bool,
}

/// Queries of a workgroup, and keys that it meets at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    queries: u32,
    keys: u32,
}

/// The most invocations of a workgroup.
const INVOCATIONS: u32 = 128;

impl Step {
    /// For short sequences: few queries of few keys, so that little of the tile is idle.
    const SHORT: Self = Self { queries: 16, keys: 16 };
    /// For heads to [`LONG_WIDTH`](Self::LONG_WIDTH).
    const LONG: Self = Self { queries: 64, keys: 32 };
    /// For wider ones, whose keys and values take more workgroup memory.
    const WIDE: Self = Self { queries: 64, keys: 16 };
    /// For the widest, whose queries and sums take more registers, too.
    const WIDEST: Self = Self { queries: 32, keys: 16 };

    /// As wide as the heads of ViT-H.
    const LONG_WIDTH: u32 = 80;

    /// For heads of `padded` features and so many queries of a sequence.
    const fn of(padded: u32, queries: usize) -> Self {
        match (padded, queries) {
            (_, 0..=16) => Self::SHORT,
            (0..=Self::LONG_WIDTH, _) => Self::LONG,
            (0..=128, _) => Self::WIDE,
            _ => Self::WIDEST,
        }
    }

    /// Bytes of workgroup memory for heads of `padded` features: halves of the queries or of keys and values, scores,
    /// two halves of each weight, moments and marks of the keys, what lanes exchange, and a flag.
    const fn workgroup_bytes(self, padded: u32) -> u32 {
        let Self { queries, keys } = self;
        let tokens = if queries > 2 * keys { queries } else { 2 * keys };
        let halves = tokens * (padded + 8) + 2 * queries * (keys + 8);
        let words = queries * (keys + 4) + 2 * keys + INVOCATIONS + 1;
        (Element::F16.bytes_of(halves as usize) + Element::F32.bytes_of(words as usize)) as u32
    }
}

impl Matrices {
    /// What any tile needs: those of wider heads take less workgroup memory.
    pub(super) const NEEDS: Needs =
        Needs::invocations(INVOCATIONS).matrices().workgroup_bytes(Step::LONG.workgroup_bytes(Step::LONG_WIDTH));

    /// The tile of a device for heads of `width`, so many queries of a sequence, and a mask.
    pub(super) fn of(device: &Capabilities, width: usize, queries: usize, mask: &Mask) -> Result<Self, Unfit> {
        let edge = device.matrix_edge().ok_or_else(|| Unfit::new("there are no matrix units for f16"))?;
        let subgroup = device.subgroup_size().ok_or_else(|| Unfit::new("the subgroup size is not known"))?;
        if subgroup > INVOCATIONS {
            return Err(Unfit::new(format!("subgroups of {subgroup} are more than {INVOCATIONS} invocations")));
        }
        let step = Step::of((width as u32).next_multiple_of(edge), queries);
        Ok(Self { edge, subgroup, step, causal: mask.causal })
    }

    /// Strips of as many queries as a matrix has rows, in a workgroup.
    const fn strips(self) -> u32 {
        self.step.queries / self.edge
    }

    /// Subgroups of a workgroup: one a strip, where they are not too many invocations.
    const fn subgroups(self) -> u32 {
        let most = INVOCATIONS / self.subgroup;
        if most < self.strips() { most } else { self.strips() }
    }

    const fn invocations(self) -> u32 {
        self.subgroups() * self.subgroup
    }

    /// Invocations that share a row of scores, and rows of an invocation.
    fn lanes_and_rows(self) -> [u32; 2] {
        [self.invocations() / self.step.queries, self.step.queries / self.invocations()].map(|count| count.max(1))
    }
}

impl Sharing for Matrices {
    fn literals(&self, width: usize) -> Literals {
        let [lanes, rows] = self.lanes_and_rows();
        Literals::new()
            .with("width", width)
            .with("aligned", width.is_multiple_of(4))
            .with("edge", self.edge)
            .with("queries", self.step.queries)
            .with("keys", self.step.keys)
            .with("invocations", self.invocations())
            .with("strips", self.strips() / self.subgroups())
            .with("lanes", lanes)
            .with("rows", rows)
            .with("causal", self.causal)
    }

    fn groups(&self, launch: &Common) -> Result<u64> {
        counted(groups_of(self.step.queries, launch), self.invocations())
    }

    fn iterations(&self, width: usize, part: &Part) -> u64 {
        let (invocations, of_step) = (u64::from(self.invocations()), u64::from(self.step.keys));
        let quads = (width as u64).next_multiple_of(u64::from(self.edge)) / 4;
        let staging = |tokens: u32| (u64::from(tokens) * quads).div_ceil(invocations) + 1;
        let moments = of_step.div_ceil(invocations) + 1;
        let [lanes, rows] = self.lanes_and_rows().map(u64::from);
        let stored = quads.div_ceil(lanes) + quads.div_ceil(of_step / 4);
        let keys = part.sequences.tokens as u64;
        let means = if part.mask.empty_row == EmptyRow::Uniform { rows * stored * keys } else { 0 };
        let steps = keys.div_ceil(of_step) * (1 + moments + 2 * staging(self.step.keys));
        staging(self.step.queries) + steps + stored + means
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{DeviceKind, MatrixShape, Subgroup};

    fn device(lanes: u32, edge: u32) -> Capabilities {
        let mut device = Capabilities::of_kind(DeviceKind::Discrete);
        device.subgroup = Some(Subgroup { smallest: lanes, largest: lanes });
        device.matrix_shapes = vec![MatrixShape::square(edge)];
        device
    }

    #[test]
    fn subgroups_and_lanes_divide_every_tile() {
        for (lanes, edge) in [(4, 8), (8, 8), (8, 16), (16, 16), (32, 8), (32, 16), (64, 16), (128, 8), (128, 16)] {
            for (width, queries) in [(1, 1), (64, 16), (64, 3137), (80, 17), (100, 17), (256, 17), (256, 1)] {
                let tile = Matrices::of(&device(lanes, edge), width, queries, &Mask::NONE).unwrap();
                let what = format!("{lanes} lanes, edge {edge}, width {width}, {queries} queries: {tile:?}");
                assert_eq!(tile.strips() * edge, tile.step.queries, "{what}");
                assert_eq!(tile.strips() % tile.subgroups(), 0, "{what}");
                let [of_row, rows] = tile.lanes_and_rows();
                assert_eq!(of_row * tile.step.queries, rows * tile.invocations(), "{what}");
                assert_eq!(tile.step.keys % of_row.max(edge), 0, "{what}");
                assert!(tile.invocations() <= INVOCATIONS, "{what}");
                let bytes = tile.step.workgroup_bytes((width as u32).next_multiple_of(edge));
                assert!(bytes <= Matrices::NEEDS.workgroup_bytes, "{what}");
            }
        }
    }

    #[test]
    fn a_subgroup_has_a_strip_of_queries() {
        let tile = Matrices::of(&device(32, 16), 64, 3137, &Mask::NONE).unwrap();
        assert_eq!((tile.subgroups(), tile.strips(), tile.lanes_and_rows()), (4, 4, [2, 1]));
    }

    #[test]
    fn what_has_no_matrices_for_it_is_unfit() {
        assert!(Matrices::of(&Capabilities::of_kind(DeviceKind::Discrete), 64, 64, &Mask::NONE).is_err());
        assert!(Matrices::of(&device(256, 16), 64, 64, &Mask::NONE).is_err());
    }
}
