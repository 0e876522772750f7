//! A step of AdamW: Adam with weight decay apart from the gradient.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use super::sgd_step::check_decay;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`AdamwStep`].
static FAMILY: Family = Family {
    name: "adamw_step",
    formula: "m ← β₁·m + (1 − β₁)·g; u ← β₂·u + (1 − β₂)·g²; θ ← θ − rate·(decay·θ + m·c₁ / (√(u·c₂) + ε)), \
              g = factor·gradient",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[M, C]"),
        Binding::read("rate", "[1]"),
        Binding::read("corrections", "[2]"),
        Binding::update("value", "[M, C]"),
        Binding::update("first_moment", "[M, C]"),
        Binding::update("second_moment", "[M, C]"),
        Binding::read("factor", "[1]"),
    ],
    variants: variants_of::<AdamwStep>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Takes a step on `rows`×`width` values. Rate, corrections and factor are operands, for they change from step to step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdamwStep {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// β₁ and β₂: the shares of the first and the second moment that a step keeps, each at least 0 and below 1. In f64, for
    /// 1 − β₂ of a β₂ in f32 is off by some millionths.
    pub betas: [f64; 2],
    /// ε, above 0: a value whose gradients have all been 0 stays as it is.
    pub epsilon: f32,
    /// The share of itself that a value loses at a rate of 1, at least 0.
    pub decay: f32,
    /// Whether the gradient is multiplied by an operand of one element, such as the factor of
    /// [`GradientNorm`](super::GradientNorm).
    pub clipped: bool,
}

impl AdamwStep {
    /// With β₁ = 0.9, β₂ = 0.999, ε = 1e-8 and no decay.
    pub fn new(rows: usize, width: usize) -> Self {
        Self { rows, width, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, clipped: false }
    }

    /// β₁ and β₂, each at least 0 and below 1.
    #[must_use]
    pub fn betas(self, betas: [f64; 2]) -> Self {
        Self { betas, ..self }
    }

    /// ε, above 0.
    #[must_use]
    pub fn epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// The share of itself that a value loses at a rate of 1.
    #[must_use]
    pub fn decay(self, decay: f32) -> Self {
        Self { decay, ..self }
    }

    /// Whether the gradient is multiplied by an operand of one element.
    #[must_use]
    pub fn clipped(self, clipped: bool) -> Self {
        Self { clipped, ..self }
    }

    /// The `corrections` of step number `step`, counted from 0: c = 1/(1 − βᵗ) of each moment, t = step + 1.
    pub fn corrections(&self, step: u64) -> [f32; 2] {
        self.betas.map(|beta| (1.0 / (1.0 - beta.powf(step as f64 + 1.0))) as f32)
    }
}

impl Kernel for AdamwStep {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::adamw_step;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(adamw_step);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Some(Shape::from([self.rows, self.width]));
        let factor = self.clipped.then(|| [1].into());
        vec![shape.clone(), Some([1].into()), Some([2].into()), shape.clone(), shape.clone(), shape, factor]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        if let Some(beta) = self.betas.into_iter().find(|beta| !(0.0..1.0).contains(beta)) {
            return Err(Error::usage(format!("the shares of moments must be at least 0 and below 1, not {beta}")));
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(Error::usage(format!("the epsilon of AdamW must be a number above 0, not {}", self.epsilon)));
        }
        check_decay(self.decay)
    }

    fn operations(&self) -> u64 {
        // Three of each moment and one more of the square, then 7 of the step: two corrections, root, sum, quotient, and the
        // product and the difference; two of the decay; one of the factor.
        let decay = if self.decay > 0.0 { 2 } else { 0 };
        (14 + decay + u64::from(self.clipped)) * (self.rows * self.width) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_sense_are_errors() {
        let step = AdamwStep::new(2, 3);
        assert!(step.validate().is_ok() && step.clone().betas([0.0, 0.0]).decay(0.05).validate().is_ok());
        assert!(AdamwStep::new(2, 0).validate().is_err());
        assert!([-0.1, 1.0, f64::NAN].into_iter().all(|beta| step.clone().betas([0.9, beta]).validate().is_err()));
        assert!([0.0, -1.0, f32::NAN].into_iter().all(|epsilon| step.clone().epsilon(epsilon).validate().is_err()));
        assert!([-0.1, f32::NAN].into_iter().all(|decay| step.clone().decay(decay).validate().is_err()));
    }

    #[test]
    fn corrections_begin_large_and_end_at_one() {
        let step = AdamwStep::new(1, 1);
        assert_eq!(step.corrections(0), [10.0, 1000.0]);
        assert_eq!(step.corrections(1), [1.0 / 0.19, 1.0 / 0.001_999].map(|correction: f64| correction as f32));
        assert_eq!(step.corrections(1_000_000), [1.0, 1.0]);
        assert_eq!(step.betas([0.0, 0.0]).corrections(0), [1.0, 1.0]);
    }
}
