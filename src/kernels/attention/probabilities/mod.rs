//! The probabilities with which attention weighs its values, stored for the queries that are asked for: for pictures
//! and comparisons (spec §2.1, masks §4.2).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::attention::cut::Addresses;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::{Part, RowStrides};
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Result, Shape};

/// The declaration of [`AttentionProbabilities`].
static FAMILY: Family = Family {
    name: "attention_probabilities",
    formula: "out[s, h, i, j] = softmax_j(q[i, h, :] · k[j, h, :] / √D)",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[sequences, heads, queries, keys]"),
    ],
    variants: variants_of::<AttentionProbabilities>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The probabilities of one [`Part`] of attention, `[sequences, heads, queries, keys]`: the sequences of all clips, the
/// heads of the part. A key that a query does not see has 0.
///
/// The operands of query and key have the whole packed tensor's shape, as in [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttentionProbabilities {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// Which heads, within which sequences.
    pub part: Part,
    /// The query tokens of each sequence.
    pub queries: Range<usize>,
}

impl AttentionProbabilities {
    /// Of the heads of `part`, for these query tokens of each sequence.
    pub fn new(qkv: Qkv, part: Part, queries: Range<usize>) -> Self {
        Self { qkv, part, queries }
    }

    fn shape(&self) -> [usize; 4] {
        let Part { heads, sequences, .. } = &self.part;
        [sequences.count(), heads.len(), self.queries.len(), sequences.tokens]
    }

    /// The rows of `keys` probabilities.
    fn row_strides(&self) -> RowStrides {
        let [_, heads, queries, _] = self.shape();
        let sequence = heads * queries;
        RowStrides { outer: self.part.sequences.inner * sequence, inner: sequence, token: 1 }
    }

    fn output_addresses(&self) -> Addresses {
        let [_, _, queries, keys] = self.shape();
        let head = queries * keys;
        let before = self.part.heads.start * head + self.queries.start * keys;
        let strides = Addresses::strides(self.row_strides(), keys, head);
        Addresses { origin: -(before as i64), strides, run: keys, all_tokens: false, element: Element::F32 }
    }
}

impl Kernel for AttentionProbabilities {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::attention_probabilities;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(attention_probabilities);

    fn operands(&self) -> Vec<Option<Shape>> {
        let packed = Some(self.qkv.shape());
        vec![packed.clone(), packed, self.part.validity(), Some(self.shape().into())]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        self.part.validate(&self.qkv, &self.queries)
    }

    fn operations(&self) -> u64 {
        // For each probability: a product over D; maximum, difference, exponential, sum, share.
        self.shape().iter().product::<usize>() as u64 * (2 * self.qkv.width as u64 + 5)
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.part.validity().map_or(0, |validity| validity.elements());
        Element::F32.bytes_of(validity + self.part.elements_read(self.qkv.width, self.queries.len(), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Capabilities, DeviceKind, Limits};
    use crate::kernels::attention::mask::Mask;
    use crate::kernels::attention::sequences::Sequences;
    use crate::kernels::contract::Operation;
    use crate::kernels::shader::Precision;

    #[test]
    fn a_whole_clip_is_cut_to_128_mib() {
        let limits = Limits { loop_iterations: Some(65_535), ..Limits::WEBGPU };
        let device = Capabilities { limits, ..Capabilities::of_kind(DeviceKind::Discrete) };
        let part = Part { heads: 0..12, sequences: Sequences::joint(1, 3137), mask: Mask::NONE };
        let call = AttentionProbabilities { qkv: Qkv::in_planes(3137, 12, 64), part, queries: 0..3137 };
        let launches = Operation::plan(&call, &wgsl::VARIANTS[0].variant, &device, Precision::F32).unwrap().launches;
        let output: Vec<_> = launches.iter().filter_map(|launch| launch.windows[3].clone()).collect();
        assert!(launches.len() > 3 && output.len() == launches.len());
        assert!(output.iter().all(|window| window.end - window.start <= 128 << 20));
        assert_eq!(output.iter().map(|window| window.end).max(), Some(12 * 3137 * 3137 * 4));
    }
}
