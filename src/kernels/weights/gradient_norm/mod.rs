//! The norms of gradients, and what clips gradients to a limit (spec §8.3).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`GradientNorm`].
static FAMILY: Family = Family {
    name: "gradient_norm",
    formula: "norm[m] = √square_sum[m]; factor[m] = 1 where norm[m] < limit, else limit / norm[m]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("square_sum", "[M]"), Binding::write("norm", "[M]"), Binding::write("factor", "[M]")],
    variants: variants_of::<GradientNorm>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The norm of each of `gradients` gradients, from the sum of its squares, and where there is a limit what to multiply it by
/// so that it keeps to that.
///
/// The factor of a norm that is infinite or NaN is NaN, so that what is stepped by it is noticed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GradientNorm {
    /// M.
    pub gradients: usize,
    /// The largest norm that is left as it is, above 0. `None`: there are no factors.
    pub limit: Option<f32>,
}

impl GradientNorm {
    /// The norms alone.
    pub fn new(gradients: usize) -> Self {
        Self { gradients, limit: None }
    }

    /// The largest norm that is left as it is, above 0.
    #[must_use]
    pub fn limit(self, limit: impl Into<Option<f32>>) -> Self {
        Self { limit: limit.into(), ..self }
    }
}

impl Kernel for GradientNorm {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::gradient_norm;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(gradient_norm);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Some(Shape::from([self.gradients]));
        let factor = shape.clone().filter(|_| self.limit.is_some());
        vec![shape.clone(), shape, factor]
    }

    fn validate(&self) -> Result<()> {
        if self.gradients == 0 {
            return Err(Error::usage("0 gradients have no norms"));
        }
        match self.limit {
            Some(limit) if !(limit > 0.0 && limit.is_finite()) => {
                Err(Error::usage(format!("the largest norm of a gradient must be a number above 0, not {limit}")))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        3 * self.gradients as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_without_sense_are_errors() {
        let of = |limit: Option<f32>| GradientNorm::new(3).limit(limit).validate();
        assert!(of(None).is_ok() && of(Some(1.0)).is_ok());
        assert!([0.0, -1.0, f32::INFINITY, f32::NAN].into_iter().all(|limit| of(Some(limit)).is_err()));
        assert!(GradientNorm::new(0).validate().is_err());
    }
}
