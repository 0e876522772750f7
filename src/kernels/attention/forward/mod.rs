//! Scaled dot-product attention within joint, spatial or temporal sequences, fused: no score is ever stored
//! (paper §3.3, spec §2.1 and §2.3 to 2.6, masks §4.2).

pub(super) mod bound;
mod cases;
mod gradient;
#[cfg(feature = "cpu")]
mod host;
pub(super) mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::attention::cut::Addresses;
use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::{Part, RowStrides, Sequences};
use crate::kernels::contract::{Binding, Bound, Family, Gradient, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`Attention`].
static FAMILY: Family = Family {
    name: "attention",
    formula: "out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::factor("query", "[3H, R, D] or [R, 3C]"),
        Binding::factor("key", "[3H, R, D] or [R, 3C]"),
        Binding::factor("value", "[3H, R, D] or [R, 3C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[R, C]"),
        Binding::write("statistics", "[H, 2, R]"),
    ],
    variants: variants_of::<Attention>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Attention of every head, or of a range of queries.
///
/// The operands of query, key and value have the whole packed tensor's shape: a graph gives the same value three
/// times. The output is `[R, C]`, head h in columns h·D and on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attention {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// How ranges of heads attend; every head is in one part.
    pub parts: Vec<Part>,
    /// The query tokens of each sequence, `None` for all. With a range, the output has a row for each sequence and
    /// query, and all heads must attend within the same sequences.
    pub queries: Option<Range<usize>>,
    /// Whether there is a second output, `[H, 2, R]`: the highest score m of each head and row of the output, and
    /// Σ exp(score − m) over the row. [`AttentionNormaliser`](super::AttentionNormaliser) computes the same; here it
    /// costs next to nothing.
    pub statistics: bool,
}

impl Attention {
    /// All heads attend within `sequences`.
    pub fn new(qkv: Qkv, sequences: Sequences, mask: Mask) -> Self {
        let parts = vec![Part { heads: 0..qkv.heads, sequences, mask }];
        Self { qkv, parts, queries: None, statistics: false }
    }

    /// The first half of the heads attends in one way, the second in another: factorised dot-product attention
    /// (Model 4), temporal heads first as in the released weights.
    pub fn halves(qkv: Qkv, first: (Sequences, Mask), second: (Sequences, Mask)) -> Self {
        let middle = qkv.heads / 2;
        let part = |heads, (sequences, mask)| Part { heads, sequences, mask };
        let parts = vec![part(0..middle, first), part(middle..qkv.heads, second)];
        Self { qkv, parts, queries: None, statistics: false }
    }

    /// The same for these query tokens of each sequence only, such as the class token in the last block.
    #[must_use]
    pub fn queries(mut self, queries: Range<usize>) -> Self {
        self.queries = Some(queries);
        self
    }

    /// The same with the statistics of each row as a second output.
    #[must_use]
    pub fn statistics(mut self) -> Self {
        self.statistics = true;
        self
    }

    /// R: the rows of the output.
    pub(super) fn rows(&self) -> usize {
        match (&self.queries, self.parts.first()) {
            (Some(queries), Some(part)) => part.sequences.count() * queries.len(),
            _ => self.qkv.rows,
        }
    }

    /// C = H·D.
    fn columns(&self) -> usize {
        self.qkv.heads * self.qkv.width
    }

    /// Pairs of a query and a key, in all heads together.
    fn pairs(&self) -> u64 {
        let pairs = self.parts.iter().map(|part| {
            part.heads.len() * part.sequences.count() * self.queries_of(part).len() * part.sequences.tokens
        });
        pairs.sum::<usize>() as u64
    }

    pub(super) fn queries_of(&self, part: &Part) -> Range<usize> {
        self.queries.clone().unwrap_or(0..part.sequences.tokens)
    }

    /// The rows that `part` writes.
    pub(super) fn row_strides(&self, part: &Part) -> RowStrides {
        match &self.queries {
            None => part.sequences.row_strides(),
            Some(queries) => {
                let queries = queries.len();
                RowStrides { outer: part.sequences.inner * queries, inner: queries, token: 1 }
            }
        }
    }

    /// The elements of the output that `part` writes.
    pub(super) fn output_addresses(&self, part: &Part) -> Addresses {
        let (row, width) = (self.columns(), self.qkv.width);
        let before = self.queries.as_ref().map_or(0, |queries| queries.start * row);
        let strides = Addresses::strides(self.row_strides(part), row, width);
        Addresses { origin: -(before as i64), strides, run: width, all_tokens: false, element: Element::F32 }
    }

    /// The elements of the statistics that `part` writes: in planes of R rows, two a head.
    pub(super) fn statistics_addresses(&self, part: &Part) -> Addresses {
        let before = self.queries.as_ref().map_or(0, |queries| queries.start);
        let strides = Addresses::strides(self.row_strides(part), 1, 2 * self.rows());
        Addresses { origin: -(before as i64), strides, run: self.rows() + 1, all_tokens: false, element: Element::F32 }
    }
}

impl Kernel for Attention {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::attention;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient::gradient);
    host_form!(attention);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = self.rows();
        let statistics = self.statistics.then(|| [self.qkv.heads, 2, rows].into());
        let packed = Some(self.qkv.shape());
        let validity = self.parts.iter().find_map(Part::validity);
        vec![packed.clone(), packed.clone(), packed, validity, Some([rows, self.columns()].into()), statistics]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        for part in &self.parts {
            part.validate(&self.qkv, &self.queries_of(part))?;
        }
        let mut heads: Vec<_> = self.parts.iter().map(|part| part.heads.clone()).collect();
        heads.sort_by_key(|heads| heads.start);
        let gapless = heads.windows(2).all(|pair| pair[0].end == pair[1].start);
        if !gapless
            || heads.first().map(|heads| heads.start) != Some(0)
            || heads.last().map(|heads| heads.end) != Some(self.qkv.heads)
        {
            return Err(Error::usage(format!(
                "the parts have heads {heads:?}, which are not each of {} heads once",
                self.qkv.heads
            )));
        }
        let validities: Vec<_> = self.parts.iter().filter_map(Part::validity).collect();
        if validities.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::usage(format!("the parts want the validity in different shapes: {validities:?}")));
        }
        if self.queries.is_some() && self.parts.windows(2).any(|pair| pair[0].sequences != pair[1].sequences) {
            return Err(Error::usage("a range of queries needs all heads to attend within the same sequences"));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // For each query and key: two products over D; maximum, difference, exponential, sum.
        self.pairs() * (4 * self.qkv.width as u64 + 4)
    }

    fn multiply_accumulates(&self) -> u64 {
        self.pairs() * 2 * self.qkv.width as u64
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.parts.iter().find_map(Part::validity).map_or(0, |validity| validity.elements());
        Element::U32.bytes_of(validity) + Element::F32.bytes_of(self.factors_read())
    }

    fn factors_read(&self) -> usize {
        let of = |part: &Part| part.elements_read(self.qkv.width, self.queries_of(part).len(), 2);
        self.parts.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::contract::Cost;
    use crate::kernels::shader::Precision;
    use crate::tensor::ErrorKind;

    fn halves(first: Sequences, second: Sequences) -> Attention {
        Attention::halves(Qkv::in_planes(30, 4, 8), (first, Mask::NONE), (second, Mask::NONE))
    }

    #[test]
    fn factorised_heads_are_one_call() {
        halves(Sequences::temporal(2, 3, 5), Sequences::spatial(2, 3, 5)).validate().unwrap();
    }

    #[test]
    fn sequences_have_every_row_once() {
        let few = halves(Sequences::temporal(1, 3, 5), Sequences::spatial(1, 3, 5));
        assert!(few.validate().is_err());
        let overlapping = Sequences { token_stride: 1, ..Sequences::temporal(2, 3, 5) };
        assert!(halves(overlapping, Sequences::spatial(2, 3, 5)).validate().is_err());
    }

    #[test]
    fn parts_have_every_head_once() {
        let call = halves(Sequences::joint(1, 30), Sequences::joint(1, 30));
        for heads in [0..1, 0..3, 1..2] {
            let mut wrong = call.clone();
            wrong.parts[0].heads = heads;
            assert!(wrong.validate().is_err());
        }
        assert!(Attention { parts: Vec::new(), ..call }.validate().is_err());
    }

    #[test]
    fn a_range_of_queries_needs_the_same_sequences_everywhere() {
        halves(Sequences::joint(2, 15), Sequences::joint(2, 15)).queries(0..1).validate().unwrap();
        assert!(halves(Sequences::temporal(2, 3, 5), Sequences::spatial(2, 3, 5)).queries(0..1).validate().is_err());
        assert!(halves(Sequences::joint(2, 15), Sequences::joint(2, 15)).queries(14..16).validate().is_err());
    }

    #[test]
    fn tokens_are_class_tokens_and_whole_temporal_indices() {
        let call = |mask| Attention::new(Qkv::in_planes(30, 1, 8), Sequences::joint(2, 15), mask);
        call(Mask::of(1, 7)).validate().unwrap();
        assert!(call(Mask::of(0, 7)).validate().is_err());
        assert!(call(Mask::of(16, 1)).validate().is_err());
    }

    #[test]
    fn the_packed_tensor_is_read_once_and_queries_as_asked() {
        use crate::kernels::contract::Operation as _;

        let mask = Mask::of(1, 7).validity();
        let call = Attention::new(Qkv::in_planes(30, 4, 8), Sequences::joint(2, 15), mask);
        let (row, validity) = (4 * 4 * 8, 4 * 2 * 2);
        assert_eq!(call.cost(Precision::F32).read, 3 * 30 * row + validity);
        assert_eq!(call.cost(Precision::F16).read, 3 * 30 * row / 2 + validity);
        assert_eq!(
            call.queries(0..1).cost(Precision::F32),
            Cost { operations: 4320, read: (2 + 2 * 30) * row + validity, written: 2 * row }
        );
    }

    #[test]
    fn wide_heads_are_unsupported() {
        let call = Attention::new(Qkv::in_planes(2, 1, 257), Sequences::joint(1, 2), Mask::NONE);
        assert_eq!(call.validate().map_err(|error| error.kind()), Err(ErrorKind::Unsupported));
    }
}
