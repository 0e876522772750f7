//! The gradient of an activation, from the values that it was applied to.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::activation::Activation;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`ActivationGradient`].
static FAMILY: Family = Family {
    name: "activation_gradient",
    formula: "out[m, c] = gradient[m, c] · activation'(in[m, c])",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("gradient", "[M, C]"),
        Binding::write("output", "[M, C]"),
    ],
    variants: variants_of::<ActivationGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Multiplies the gradient of each of `rows`×`width` activated values by the slope of the activation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActivationGradient {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// What was applied.
    pub activation: Activation,
}

impl ActivationGradient {
    /// Of `activation`, applied to `rows`×`width` values.
    pub fn new(rows: usize, width: usize, activation: Activation) -> Self {
        Self { rows, width, activation }
    }
}

impl Kernel for ActivationGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::activation_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(activation_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.rows, self.width].into()); 3]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Of a GELU: u in 4, its slope in 3, the exponential as one, the quotient, and 6 to put them together; one product.
        let each = match self.activation {
            Activation::GeluTanh | Activation::GeluErf => 16,
            Activation::Tanh => 8,
        };
        each * (self.rows * self.width) as u64
    }
}
