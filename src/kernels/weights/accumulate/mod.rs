//! Sums of gradients over the parts of a batch (spec §8.3).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Accumulate`].
static FAMILY: Family = Family {
    name: "accumulate",
    formula: "sum ← keep · sum + share · factor · gradient",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[M, C]"),
        Binding::read("keep", "[1]"),
        Binding::read("factor", "[1]"),
        Binding::update("sum", "[M, C]"),
    ],
    variants: variants_of::<Accumulate>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Adds a share of a gradient of `rows`×`width` elements to the sum of those before it. Where the operand `keep` is 0, a sum
/// begins: what was there does not matter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Accumulate {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// What each gradient is multiplied by: 1/D where the sum is a mean over D parts.
    pub share: f32,
    /// Whether the gradient is multiplied by an operand of one element as well, such as the factor of
    /// [`GradientNorm`](super::GradientNorm).
    pub clipped: bool,
}

impl Accumulate {
    /// Adds this share of a gradient that is not clipped.
    pub fn new(rows: usize, width: usize, share: f32) -> Self {
        Self { rows, width, share, clipped: false }
    }

    /// Whether the gradient is multiplied by an operand of one element.
    #[must_use]
    pub fn clipped(self, clipped: bool) -> Self {
        Self { clipped, ..self }
    }
}

impl Kernel for Accumulate {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::accumulate;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(accumulate);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.rows, self.width]);
        let factor = self.clipped.then(|| [1].into());
        vec![Some(shape.clone()), Some([1].into()), factor, Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        match self.share.is_finite() {
            true => Ok(()),
            false => Err(Error::usage(format!("the share of a gradient must be a number, not {}", self.share))),
        }
    }

    fn operations(&self) -> u64 {
        3 * (self.rows * self.width) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_without_sense_are_errors() {
        assert!(Accumulate::new(2, 3, 0.25).validate().is_ok());
        assert!(Accumulate::new(2, 3, f32::NAN).validate().is_err() && Accumulate::new(2, 0, 1.0).validate().is_err());
    }
}
