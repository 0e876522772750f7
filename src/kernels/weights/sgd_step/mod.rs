//! A step of stochastic gradient descent, with momentum, clipping and decay where they are asked for (spec §8.3).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`SgdStep`].
static FAMILY: Family = Family {
    name: "sgd_step",
    formula: "velocity ← momentum · velocity + factor · gradient + decay · value; value ← value − rate · velocity",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[M, C]"),
        Binding::read("rate", "[1]"),
        Binding::update("value", "[M, C]"),
        Binding::update("velocity", "[M, C]"),
        Binding::read("factor", "[1]"),
    ],
    variants: variants_of::<SgdStep>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Takes a step on `rows`×`width` values. Rate and factor are operands, for they change from step to step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SgdStep {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// The share of the velocity that a step keeps, at least 0 and below 1. `None`: no velocity, values follow the
    /// gradient.
    pub momentum: Option<f32>,
    /// Whether the gradient is multiplied by an operand of one element, such as the factor of
    /// [`GradientNorm`](super::GradientNorm).
    pub clipped: bool,
    /// What is added to the gradient of each value as a share of that value, at least 0: weight decay that momentum and rate
    /// see like any gradient.
    pub decay: f32,
}

impl SgdStep {
    /// A step without a velocity: values follow the gradient.
    pub fn new(rows: usize, width: usize) -> Self {
        Self { rows, width, momentum: None, clipped: false, decay: 0.0 }
    }

    /// The share of the velocity that a step keeps, at least 0 and below 1.
    #[must_use]
    pub fn momentum(self, momentum: impl Into<Option<f32>>) -> Self {
        Self { momentum: momentum.into(), ..self }
    }

    /// Whether the gradient is multiplied by an operand of one element.
    #[must_use]
    pub fn clipped(self, clipped: bool) -> Self {
        Self { clipped, ..self }
    }

    /// The share of each value that is added to its gradient.
    #[must_use]
    pub fn decay(self, decay: f32) -> Self {
        Self { decay, ..self }
    }
}

impl Kernel for SgdStep {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::sgd_step;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(sgd_step);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.rows, self.width]);
        let velocity = self.momentum.map(|_| shape.clone());
        let factor = self.clipped.then(|| [1].into());
        vec![Some(shape.clone()), Some([1].into()), Some(shape), velocity, factor]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        match self.momentum {
            Some(momentum) if !(0.0..1.0).contains(&momentum) => {
                Err(Error::usage(format!("the momentum must be at least 0 and below 1, not {momentum}")))
            }
            _ => check_decay(self.decay),
        }
    }

    fn operations(&self) -> u64 {
        let momentum = if self.momentum.is_some() { 2 } else { 0 };
        let decay = if self.decay > 0.0 { 2 } else { 0 };
        (2 + momentum + decay + u64::from(self.clipped)) * (self.rows * self.width) as u64
    }
}

/// An error for a weight decay that grows weights, or is no number.
pub(super) fn check_decay(decay: f32) -> Result<()> {
    match decay.is_finite() && decay >= 0.0 {
        true => Ok(()),
        false => Err(Error::usage(format!("a weight decay must be at least 0, not {decay}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_sense_are_errors() {
        let of = |momentum: Option<f32>| SgdStep::new(2, 3).momentum(momentum).validate();
        assert!(of(None).is_ok() && of(Some(0.9)).is_ok());
        assert!([-0.1, 1.0, f32::NAN].into_iter().all(|momentum| of(Some(momentum)).is_err()));
        assert!(SgdStep::new(0, 3).validate().is_err());
        let decaying = |decay| SgdStep::new(2, 3).decay(decay).validate();
        assert!(decaying(0.05).is_ok() && [-0.1, f32::INFINITY, f32::NAN].map(decaying).iter().all(Result::is_err));
    }
}
