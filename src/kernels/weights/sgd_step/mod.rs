//! A step of stochastic gradient descent, with momentum where it is asked for (spec §8.3).

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
    formula: "velocity ← momentum · velocity + gradient; value ← value − rate · velocity",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[M, C]"),
        Binding::read("rate", "[1]"),
        Binding::update("value", "[M, C]"),
        Binding::update("velocity", "[M, C]"),
    ],
    variants: variants_of::<SgdStep>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Takes a step on `rows`×`width` values. The rate is an operand, for it changes from step to step.
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
}

impl SgdStep {
    /// A step without a velocity: values follow the gradient.
    pub fn new(rows: usize, width: usize) -> Self {
        Self { rows, width, momentum: None }
    }

    /// The share of the velocity that a step keeps, at least 0 and below 1.
    #[must_use]
    pub fn momentum(self, momentum: impl Into<Option<f32>>) -> Self {
        Self { momentum: momentum.into(), ..self }
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
        vec![Some(shape.clone()), Some([1].into()), Some(shape), velocity]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        match self.momentum {
            Some(momentum) if !(0.0..1.0).contains(&momentum) => {
                Err(Error::usage(format!("the momentum must be at least 0 and below 1, not {momentum}")))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        let each = if self.momentum.is_some() { 4 } else { 2 };
        each * (self.rows * self.width) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_sense_are_errors() {
        let of = |momentum| SgdStep { rows: 2, width: 3, momentum }.validate();
        assert!(of(None).is_ok() && of(Some(0.9)).is_ok());
        assert!([-0.1, 1.0, f32::NAN].into_iter().all(|momentum| of(Some(momentum)).is_err()));
        assert!(SgdStep { rows: 0, width: 3, momentum: None }.validate().is_err());
    }
}
