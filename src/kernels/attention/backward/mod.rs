//! The gradients of attention: scores and probabilities are computed again from the statistics of the forward pass, so none
//! is ever stored (spec §12; Dao et al. 2022, arXiv 2205.14135).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::attention::cut::Addresses;
use crate::kernels::attention::forward::Attention;
use crate::kernels::attention::normaliser::{addresses, addresses_of_rows};
use crate::kernels::attention::qkv::{Qkv, QkvLayout};
use crate::kernels::attention::sequences::Part;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Result, Shape};

/// The declaration of [`AttentionGradient`].
static FAMILY: Family = Family {
    name: "attention_gradient",
    formula: "dq = Σ_j dS·k/√D, dk = Σ_i dS·q/√D, dv = Σ_i P·dy; dS = P·(dy · v − products), P = exp(q · k/√D − m)/l",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read("value", "[3H, R, D] or [R, 3C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::read("statistics", "[H, 2, R]"),
        Binding::read("products", "[H, R]"),
        Binding::read("gradient", "[R, C]"),
        Binding::write("output", "[3H, R, D] or [R, 3C]"),
    ],
    variants: variants_of::<AttentionGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The gradient of the packed queries, keys and values of an [`Attention`], in their layout.
///
/// It is given what the forward pass left of each row, the highest score m and the total l; for each row and head the
/// product of the output with its gradient (a [`HeadDot`](crate::kernels::rows::HeadDot)), and the gradient dy itself. Keys
/// that no query sees have gradients of 0, and so have queries whose total is 0: they saw no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttentionGradient {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// How ranges of heads attend; every head is in one part.
    pub parts: Vec<Part>,
}

impl AttentionGradient {
    /// Of heads that attend like this.
    pub fn new(qkv: Qkv, parts: Vec<Part>) -> Self {
        Self { qkv, parts }
    }

    /// C = H·D.
    fn columns(&self) -> usize {
        self.qkv.heads * self.qkv.width
    }

    /// The call whose gradient it is.
    fn forward(&self) -> Attention {
        Attention { qkv: self.qkv.clone(), parts: self.parts.clone(), queries: None, statistics: true }
    }

    /// Elements from a head's features of the keys to those of the values.
    fn plane(&self) -> usize {
        let Qkv { rows, heads, width, layout } = self.qkv;
        match layout {
            QkvLayout::Planes => heads * rows * width,
            QkvLayout::Rows => heads * width,
        }
    }

    /// The elements of operands that hold a part's statistics, products and gradients of rows.
    fn of_rows(&self, part: &Part) -> [Addresses; 3] {
        let (rows, columns, width) = (self.qkv.rows, self.columns(), self.qkv.width);
        let of_row = |row, head, run| Addresses {
            strides: Addresses::strides(part.sequences.row_strides(), row, head),
            run,
            ..addresses_of_rows(part)
        };
        [addresses(&self.qkv, part, 0), of_row(1, rows, 1), of_row(columns, width, width)]
    }

    /// Pairs of a query and a key, in all heads together.
    fn pairs(&self) -> u64 {
        let of = |part: &Part| (part.heads.len() * self.qkv.rows) as u64 * part.sequences.tokens as u64;
        self.parts.iter().map(of).sum()
    }
}

impl Kernel for AttentionGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::attention_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(attention_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        let (rows, heads) = (self.qkv.rows, self.qkv.heads);
        let packed = Some(self.qkv.shape());
        vec![
            packed.clone(),
            packed.clone(),
            packed.clone(),
            self.parts.iter().find_map(Part::validity),
            Some([heads, 2, rows].into()),
            Some([heads, rows].into()),
            Some([rows, self.columns()].into()),
            packed,
        ]
    }

    fn validate(&self) -> Result<()> {
        Kernel::validate(&self.forward())
    }

    fn operations(&self) -> u64 {
        // For each query and key: five products over D; difference, exponential, quotient, difference, product.
        self.pairs() * (10 * self.qkv.width as u64 + 5)
    }

    fn multiply_accumulates(&self) -> u64 {
        self.pairs() * 5 * self.qkv.width as u64
    }
}
