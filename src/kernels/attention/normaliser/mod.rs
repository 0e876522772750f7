//! The statistics of attention's softmax, maximum and sum, for each query and head: with them a probability can be
//! computed where it is needed, and none has to be stored (as in FlashAttention's backward pass; Dao et al. 2022, arXiv
//! 2205.14135).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::attention::cut::Addresses;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Result, Shape};

/// The declaration of [`AttentionNormaliser`].
static FAMILY: Family = Family {
    name: "attention_normaliser",
    formula: "out[h, 0, i] = max_j s[i, j], out[h, 1, i] = Σ_j exp(s[i, j] − out[h, 0, i]), s = q · k / √D",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read("weights", "[R]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[heads, 2, R]"),
    ],
    variants: variants_of::<AttentionNormaliser>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The highest score m of each query of one [`Part`] of attention, and Σ exp(score − m) over its scores:
/// `[heads, 2, R]` for the heads of the part and the R rows of the packed tensor.
///
/// Both are 0 for a query that sees no key, and NaN where one of its scores is. The operands of query and key have the whole
/// packed tensor's shape, as in [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttentionNormaliser {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// Which heads, within which sequences.
    pub part: Part,
    /// Whether the call is given weights of the rows, `[R]`. A row of weight 0 is left out: it costs next to nothing, and
    /// both of its numbers are 0.
    pub weighted: bool,
}

/// The elements that hold a part's pairs of numbers: in planes of R rows, two a head from `first_head` on.
pub(super) fn addresses(qkv: &Qkv, part: &Part, first_head: usize) -> Addresses {
    let head = 2 * qkv.rows;
    let origin = -((first_head * head) as i64);
    Addresses {
        origin,
        strides: Addresses::strides(part.sequences.row_strides(), 1, head),
        run: qkv.rows + 1,
        all_tokens: false,
        element: Element::F32,
    }
}

/// The elements that hold a part's rows where each has one number.
pub(super) fn addresses_of_rows(part: &Part) -> Addresses {
    let strides = Addresses::strides(part.sequences.row_strides(), 1, 0);
    Addresses { origin: 0, strides, run: 1, all_tokens: false, element: Element::F32 }
}

impl AttentionNormaliser {
    /// Of the heads of `part`, every row.
    pub fn new(qkv: Qkv, part: Part) -> Self {
        Self { qkv, part, weighted: false }
    }

    /// Whether the call is given weights of the rows, `[R]`.
    #[must_use]
    pub fn weighted(self, weighted: bool) -> Self {
        Self { weighted, ..self }
    }
}

impl Kernel for AttentionNormaliser {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::attention_normaliser;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(attention_normaliser);

    fn operands(&self) -> Vec<Option<Shape>> {
        let (packed, rows) = (Some(self.qkv.shape()), self.qkv.rows);
        let weights = self.weighted.then(|| [rows].into());
        vec![packed.clone(), packed, weights, self.part.validity(), Some([self.part.heads.len(), 2, rows].into())]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        self.part.validate(&self.qkv, &(0..self.part.sequences.tokens))
    }

    fn operations(&self) -> u64 {
        // For each query and key: a product over D; maximum, difference, exponential, sum.
        let pairs = self.part.heads.len() * self.qkv.rows * self.part.sequences.tokens;
        pairs as u64 * (2 * self.qkv.width as u64 + 4)
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.part.validity().map_or(0, |validity| validity.elements());
        let weights = if self.weighted { self.qkv.rows } else { 0 };
        let packed = self.part.elements_read(self.qkv.width, self.part.sequences.tokens, 1);
        Element::F32.bytes_of(validity + weights + packed)
    }
}
