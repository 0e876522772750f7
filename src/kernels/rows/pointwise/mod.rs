//! Element-wise steps that a product usually applies to its sums, as calls of their own.
//!
//! They are recorded where the value between a product and its activation or residual sum is asked for.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::activation::Activation;
use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::activation_gradient::ActivationGradient;
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Pointwise`].
static FAMILY: Family = Family {
    name: "pointwise",
    formula: "out[m, c] = activation(in[m, c])  or  in[m, c] + addend[m, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("addend", "[M, C]"),
        Binding::write("output", "[M, C]"),
    ],
    variants: variants_of::<Pointwise>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The step that [`Pointwise`] takes on each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Applies a function.
    Activation(Activation),
    /// Adds a second tensor of the same shape.
    Sum,
}

/// Does one step to each of `rows`×`width` elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointwise {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// The step.
    pub step: Step,
}

impl Kernel for Pointwise {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::pointwise;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(pointwise);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.rows, self.width]);
        let addend = (self.step == Step::Sum).then(|| shape.clone());
        vec![Some(shape.clone()), addend, Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Of a GELU: the cube, its factor and sum, the tanh counted as one, and the outer sum and products.
        let each = match self.step {
            Step::Activation(Activation::GeluTanh | Activation::GeluErf) => 8,
            Step::Activation(Activation::Tanh) | Step::Sum => 1,
        };
        each * (self.rows * self.width) as u64
    }
}

/// The slope times the gradient; of a sum, the gradient for both.
fn gradient(call: &Pointwise, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let output = of.gradient(0)?;
    match call.step {
        Step::Sum => Ok(vec![Some(output); 2]),
        Step::Activation(activation) => {
            let slopes = ActivationGradient::new(call.rows, call.width, activation);
            Ok(vec![Some(tape.one(slopes, &[Some(of.input(0)?), Some(output)])?), None])
        }
    }
}
