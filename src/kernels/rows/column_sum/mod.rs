//! Sums over the rows of a matrix: the gradient of a bias.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`ColumnSum`].
static FAMILY: Family = Family {
    name: "column_sum",
    formula: "out[c] = Σ_m in[m, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::write("output", "[C]"),
        Binding::scratch("partial_sums", "[strips, C]"),
    ],
    variants: variants_of::<ColumnSum>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Adds up `rows` rows of `width` columns, in an order that the sizes alone decide.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSum {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
}

impl Kernel for ColumnSum {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::column_sum;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(column_sum);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.rows, self.width].into()), Some([self.width].into()), None]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no sums", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        (self.rows * self.width) as u64
    }
}
