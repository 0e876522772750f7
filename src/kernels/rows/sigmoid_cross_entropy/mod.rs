//! Sigmoid cross entropy, where classes do not exclude one another: the loss of each row and its gradient (spec §7.2).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use super::cross_entropy::check_smoothing;
use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::row_losses::of_row_losses;
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`SigmoidCrossEntropy`].
static FAMILY: Family = Family {
    name: "sigmoid_cross_entropy",
    formula: "loss[m] = −share·Σ_k (y·log σ + (1 − y)·log(1 − σ)), gradient = share·(σ − y), σ = 1/(1 + exp(−logit)), \
              y = (1 − s)·target + s/K",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("logits", "[M, K]"),
        Binding::read("targets", "[M, K]"),
        Binding::write("loss", "[M]"),
        Binding::write("gradient", "[M, K]"),
    ],
    variants: variants_of::<SigmoidCrossEntropy>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Compares `rows` rows of logits of `classes` classes with a target for each, a number from 0 to 1: whether a clip is of
/// that class.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SigmoidCrossEntropy {
    /// M.
    pub rows: usize,
    /// K.
    pub classes: usize,
    /// s: the share of the targets that is spread over all classes, at least 0 and at most 1.
    pub smoothing: f32,
    /// What loss and gradient of each row are multiplied by: 1/M where the loss is a mean.
    pub share: f32,
}

impl SigmoidCrossEntropy {
    /// The mean over `rows` rows of the sums over their classes, without smoothing.
    pub fn new(rows: usize, classes: usize) -> Self {
        Self { rows, classes, smoothing: 0.0, share: 1.0 / rows.max(1) as f32 }
    }

    /// The share of the targets that is spread over all classes.
    #[must_use]
    pub fn smoothing(self, smoothing: f32) -> Self {
        Self { smoothing, ..self }
    }

    /// What loss and gradient of each row are multiplied by.
    #[must_use]
    pub fn share(self, share: f32) -> Self {
        Self { share, ..self }
    }
}

impl Kernel for SigmoidCrossEntropy {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::sigmoid_cross_entropy;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(sigmoid_cross_entropy);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = Some(Shape::from([self.rows, self.classes]));
        vec![rows.clone(), rows.clone(), Some([self.rows].into()), rows]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.classes == 0 {
            return Err(Error::usage(format!("{} rows of {} classes have no loss", self.rows, self.classes)));
        }
        check_smoothing(self.smoothing)
    }

    fn operations(&self) -> u64 {
        // y and what it lacks in 3; the exponential; a logarithm in 19; two products and sums; a quotient, two sums, a product.
        28 * (self.rows * self.classes) as u64
    }
}

/// That of the logits; targets are not learned.
fn gradient(call: &SigmoidCrossEntropy, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    Ok(vec![Some(of_row_losses(call.rows, call.classes, tape, of)?), None])
}
