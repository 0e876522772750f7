//! Softmax over the last axis, in f32, with the row's maximum subtracted: a head's logits into probabilities.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Softmax`].
static FAMILY: Family = Family {
    name: "softmax",
    formula: "out[m, c] = exp(in[m, c] − max) / Σ_c exp(in[m, c] − max)",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[M, C]"), Binding::write("output", "[M, C]")],
    variants: variants_of::<Softmax>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Turns each of `rows` rows of `width` columns into shares of 1. A row with a NaN becomes NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
}

impl Kernel for Softmax {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::softmax;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(softmax_rows);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.rows, self.width].into()), Some([self.rows, self.width].into())]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no softmax", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Maximum; difference, exponential, sum; product.
        5 * (self.rows * self.width) as u64
    }
}
