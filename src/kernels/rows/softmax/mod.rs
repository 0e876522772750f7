//! Softmax over the last axis, in f32, with the row's maximum subtracted: a head's logits into probabilities.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Family, Kernel, variants_of};
#[cfg(feature = "cpu")]
use crate::kernels::host::{Arguments, Threads};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Exact, Result, Shape};

/// The declaration of [`Softmax`].
pub static FAMILY: Family = Family {
    name: "softmax",
    formula: "out[m, c] = exp(in[m, c] − max) / Σ_c exp(in[m, c] − max)",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[M, C]"), Binding::write("output", "[M, C]")],
    variants: variants_of::<Softmax>,
    cases: cases::cases,
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
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn variants() -> &'static [Planned<Self>] {
        &wgsl::VARIANTS
    }

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

    fn reference(&self, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
        reference::softmax(self, inputs)
    }

    #[cfg(feature = "cpu")]
    fn host(&self, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
        host::softmax_rows(self, arguments, threads)
    }
}
