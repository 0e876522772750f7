//! Sums of squares: what the norm of a gradient is made of (spec §8.3).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`SquareSum`].
static FAMILY: Family = Family {
    name: "square_sum",
    formula: "out = addend + Σ in[m, c]²",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("addend", "[1]"),
        Binding::write("output", "[1]"),
        Binding::scratch("part_sums", "[parts]"),
    ],
    variants: variants_of::<SquareSum>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Adds up the squares of `rows`×`width` elements, in an order that the size alone decides. Squares beyond the largest float
/// make the sum infinite.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SquareSum {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// Whether the sum goes on from an operand of one element: the sum over the tensors before this one.
    pub continued: bool,
}

impl SquareSum {
    /// The sum over one tensor.
    pub fn new(rows: usize, width: usize) -> Self {
        Self { rows, width, continued: false }
    }

    /// Whether the sum goes on from an operand of one element.
    #[must_use]
    pub fn continued(self, continued: bool) -> Self {
        Self { continued, ..self }
    }
}

impl Kernel for SquareSum {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::square_sum;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(square_sum);

    fn operands(&self) -> Vec<Option<Shape>> {
        let addend = self.continued.then(|| [1].into());
        vec![Some([self.rows, self.width].into()), addend, Some([1].into()), None]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no squares", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        2 * (self.rows * self.width) as u64
    }
}
