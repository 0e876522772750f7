//! How matrix units share attention among workgroups: `shaders/attention/forward.f16.matrix.wgsl`.

use crate::gpu::Capabilities;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::shader::{Literals, Needs, Unfit};
use crate::tensor::Element;

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
    /// For heads to 80 wide, such as those of ViT-H.
    const LONG: Self = Self { queries: 64, keys: 32 };
    /// For wider ones, whose keys and values take more workgroup memory.
    const WIDE: Self = Self { queries: 64, keys: 16 };
    /// For the widest, whose queries and sums take more registers, too.
    const WIDEST: Self = Self { queries: 32, keys: 16 };

    /// For heads of `padded` features and so many queries of a sequence.
    const fn of(padded: u32, queries: usize) -> Self {
        match (padded, queries) {
            (_, 0..=16) => Self::SHORT,
            (0..=80, _) => Self::LONG,
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
    /// What any tile needs.
    pub(super) const NEEDS: Needs = Needs::invocations(INVOCATIONS).matrices().workgroup_bytes(Self::MOST_BYTES);

    /// The most workgroup memory that a tile takes.
    const MOST_BYTES: u32 = {
        let bytes = [
            Step::SHORT.workgroup_bytes(Qkv::WIDEST as u32),
            Step::LONG.workgroup_bytes(80),
            Step::WIDE.workgroup_bytes(128),
            Step::WIDEST.workgroup_bytes(Qkv::WIDEST as u32),
        ];
        let (mut most, mut i) = (0, 0);
        while i < bytes.len() {
            most = if bytes[i] > most { bytes[i] } else { most };
            i += 1;
        }
        most
    };

    /// The tile of a device for heads of `width`, so many queries of a sequence, and a mask that is causal or not.
    pub(super) fn of(device: &Capabilities, width: usize, queries: usize, causal: bool) -> Result<Self, Unfit> {
        let edge = device.matrix_edge().ok_or_else(|| Unfit::new("there are no matrix units for f16"))?;
        let subgroup = device.subgroup_size().ok_or_else(|| Unfit::new("the subgroup size is not known"))?;
        if subgroup > INVOCATIONS {
            return Err(Unfit::new(format!("subgroups of {subgroup} are more than {INVOCATIONS} invocations")));
        }
        let step = Step::of((width as u32).next_multiple_of(edge), queries);
        Ok(Self { edge, subgroup, step, causal })
    }

    /// Queries of a workgroup.
    pub(super) const fn queries(self) -> u32 {
        self.step.queries
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

    pub(super) const fn invocations(self) -> u32 {
        self.subgroups() * self.subgroup
    }

    /// Invocations that share a row of scores, and rows of an invocation.
    fn lanes_and_rows(self) -> [u32; 2] {
        [self.invocations() / self.queries(), self.queries() / self.invocations()].map(|count| count.max(1))
    }

    pub(super) const fn workgroup_bytes(self, width: u32) -> u32 {
        self.step.workgroup_bytes(width.next_multiple_of(self.edge))
    }

    /// The literals of the template, beside those that all tiles have.
    pub(super) fn literals(self, literals: Literals) -> Literals {
        let [lanes, rows] = self.lanes_and_rows();
        literals
            .with("edge", self.edge)
            .with("queries", self.queries())
            .with("keys", self.step.keys)
            .with("invocations", self.invocations())
            .with("strips", self.strips() / self.subgroups())
            .with("lanes", lanes)
            .with("rows", rows)
            .with("causal", self.causal)
    }

    /// Loop iterations of one invocation with so many keys; `uniform` where a row that sees none of them is their mean.
    pub(super) fn iterations(self, width: usize, keys: u64, uniform: bool) -> u64 {
        let invocations = u64::from(self.invocations());
        let quads = (width as u64).next_multiple_of(u64::from(self.edge)) / 4;
        let staging = |tokens: u32| (u64::from(tokens) * quads).div_ceil(invocations) + 1;
        let moments = u64::from(self.step.keys).div_ceil(invocations) + 1;
        let [lanes, rows] = self.lanes_and_rows().map(u64::from);
        let stored = quads.div_ceil(lanes) + quads.div_ceil(u64::from(self.step.keys / 4));
        let means = if uniform { rows * stored * keys } else { 0 };
        let steps = keys.div_ceil(u64::from(self.step.keys));
        staging(self.queries()) + steps * (1 + moments + 2 * staging(self.step.keys)) + stored + means
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
                let tile = Matrices::of(&device(lanes, edge), width, queries, false).unwrap();
                let what = format!("{lanes} lanes, edge {edge}, width {width}, {queries} queries: {tile:?}");
                assert_eq!(tile.strips() * edge, tile.queries(), "{what}");
                assert_eq!(tile.strips() % tile.subgroups(), 0, "{what}");
                let [of_row, rows] = tile.lanes_and_rows();
                assert_eq!(of_row * tile.queries(), rows * tile.invocations(), "{what}");
                assert_eq!(tile.step.keys % of_row.max(edge), 0, "{what}");
                assert!(tile.invocations() <= INVOCATIONS, "{what}");
                assert!(tile.workgroup_bytes(width as u32) <= 32 << 10, "{what}");
            }
        }
    }

    #[test]
    fn a_subgroup_has_a_strip_of_queries() {
        let tile = Matrices::of(&device(32, 16), 64, 3137, false).unwrap();
        assert_eq!((tile.subgroups(), tile.strips(), tile.lanes_and_rows()), (4, 4, [2, 1]));
    }

    #[test]
    fn what_has_no_matrices_for_it_is_unfit() {
        assert!(Matrices::of(&Capabilities::of_kind(DeviceKind::Discrete), 64, 64, false).is_err());
        assert!(Matrices::of(&device(256, 16), 64, 64, false).is_err());
    }
}
