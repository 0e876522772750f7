//! How far a computed tensor is from the expected one.

use std::fmt;

use super::{Data, Tensor};

/// What a comparison accepts. Both bounds must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Largest accepted ‖actual − expected‖₂ / ‖expected‖₂.
    pub relative_l2: f64,
    /// Largest accepted |actual − expected| of one element, as a share of the largest |expected|.
    pub share_of_peak: f64,
}

impl Tolerance {
    /// Every bit must agree (NaN agrees with NaN).
    pub const EXACT: Self = Self { relative_l2: 0.0, share_of_peak: 0.0 };
    /// One f32 kernel against its f64 reference: sums of a few thousand products.
    pub const KERNEL: Self = Self { relative_l2: 2e-6, share_of_peak: 1e-5 };
    /// A whole f32 model against another implementation's f32 run.
    pub const MODEL: Self = Self { relative_l2: 1e-5, share_of_peak: 5e-5 };
}

/// What a tensor may differ by: all together, each element as a share of the largest, and each by itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Allowance {
    /// What all together and the largest share may be.
    pub tolerance: Tolerance,
    /// Largest accepted |actual − expected| of each finite element; empty where the tolerance alone decides.
    pub elements: Vec<f64>,
}

impl From<Tolerance> for Allowance {
    fn from(tolerance: Tolerance) -> Self {
        Self { tolerance, elements: Vec::new() }
    }
}

impl Allowance {
    /// Compares two tensors and says how much of what they may differ by they do; `None` where shapes or element types
    /// differ.
    pub fn closeness(&self, actual: &Tensor, expected: &Tensor) -> Option<Closeness> {
        let closeness = Closeness::between(actual, expected)?;
        let Tolerance { relative_l2, share_of_peak } = self.tolerance;
        let together = share(closeness.relative_l2, relative_l2).max(share(closeness.share_of_peak, share_of_peak));
        let axes = expected.shape().axes();
        let (actual, expected) = (as_f64(actual), as_f64(expected));
        let shares =
            actual.iter().zip(&expected).zip(&self.elements).map(|((a, e), allowed)| share(error(*a, *e), *allowed));
        let largest = shares.enumerate().fold((0, 0.0f64), |best, at| if at.1 > best.1 { at } else { best });
        let beyond = (largest.1 > together).then(|| Offender {
            position: position(largest.0, axes),
            actual: actual[largest.0],
            expected: expected[largest.0],
        });
        Some(Closeness { share_of_bound: Some(together.max(largest.1)), beyond, ..closeness })
    }
}

/// One element that differs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offender {
    /// Position along each axis.
    pub position: Vec<usize>,
    /// The computed value.
    pub actual: f64,
    /// The expected value.
    pub expected: f64,
}

/// The distance between two tensors, with the element that shows it best.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Closeness {
    /// ‖actual − expected‖₂ / ‖expected‖₂; infinite where only one side is NaN or infinite.
    pub relative_l2: f64,
    /// Largest |actual − expected| as a share of the largest |expected|.
    pub share_of_peak: f64,
    /// Number of elements that are not bit-equal.
    pub unequal: usize,
    /// Number of elements compared.
    pub elements: usize,
    /// The element that differs most, the first one on a tie.
    pub worst: Option<Offender>,
    /// The first element that differs by more than rounding (1e-5 of the peak) or is wrongly NaN or infinite.
    pub first: Option<Offender>,
    /// How much of its [`Allowance`] it uses, at most 1 where it keeps to it; `None` where it was compared without one.
    pub share_of_bound: Option<f64>,
    /// The element that uses the largest share of what it may differ by, where that is more than all together use.
    pub beyond: Option<Offender>,
}

impl Closeness {
    /// Compares two tensors; `None` where shapes or element types differ.
    ///
    /// ```
    /// use tubelet::tensor::{Closeness, Tensor, Tolerance};
    ///
    /// let (actual, expected) = (Tensor::f32([2], vec![1.0, 2.5])?, Tensor::f32([2], vec![1.0, 2.0])?);
    /// let closeness = Closeness::between(&actual, &expected).expect("both are [2]");
    /// assert!(!closeness.within(Tolerance::MODEL));
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    pub fn between(actual: &Tensor, expected: &Tensor) -> Option<Self> {
        if actual.shape() != expected.shape() || actual.element() != expected.element() {
            return None;
        }
        Some(Self::of(&as_f64(actual), &as_f64(expected), expected.shape().axes()))
    }

    fn of(actual: &[f64], expected: &[f64], axes: &[usize]) -> Self {
        let finite = |x: &&f64| x.is_finite();
        let peak = expected.iter().filter(finite).fold(0.0f64, |peak, x| peak.max(x.abs()));
        let (mut squared_error, mut squared_norm) = (0.0, 0.0);
        let (mut largest, mut worst, mut first, mut unequal) = (0.0, None, None, 0);
        for (index, (&a, &e)) in actual.iter().zip(expected).enumerate() {
            squared_norm += if e.is_finite() { e * e } else { 0.0 };
            let error = error(a, e);
            if error == 0.0 {
                continue;
            }
            unequal += 1;
            squared_error += error * error;
            if error > largest {
                (largest, worst) = (error, Some(index));
            }
            if first.is_none() && error > 1e-5 * peak {
                first = Some(index);
            }
        }
        let offender = |index: usize| Offender {
            position: position(index, axes),
            actual: actual[index],
            expected: expected[index],
        };
        Self {
            relative_l2: ratio(squared_error.sqrt(), squared_norm.sqrt()),
            share_of_peak: ratio(largest, peak),
            unequal,
            elements: expected.len(),
            worst: worst.map(offender),
            first: first.map(offender),
            share_of_bound: None,
            beyond: None,
        }
    }

    /// Whether the distance stays within `tolerance`.
    pub fn within(&self, tolerance: Tolerance) -> bool {
        // Written so that a NaN distance is rejected.
        self.relative_l2 <= tolerance.relative_l2 && self.share_of_peak <= tolerance.share_of_peak
    }
}

/// |actual − expected|; 0 where both are NaN or the same infinity, infinite where only one is.
fn error(actual: f64, expected: f64) -> f64 {
    match actual == expected || (actual.is_nan() && expected.is_nan()) {
        true => 0.0,
        false if actual.is_finite() && expected.is_finite() => (actual - expected).abs(),
        false => f64::INFINITY,
    }
}

/// How much of what is allowed something is: infinite where nothing is, or it is no number.
fn share(part: f64, allowed: f64) -> f64 {
    let share = ratio(part, allowed);
    if share.is_nan() { f64::INFINITY } else { share }
}

/// `part / whole`, where 0 / 0 is agreement and anything else over 0 is not.
fn ratio(part: f64, whole: f64) -> f64 {
    if part == 0.0 { 0.0 } else { part / whole }
}

fn as_f64(tensor: &Tensor) -> Vec<f64> {
    match tensor.clone().into_data() {
        Data::F32(values) => values.into_iter().map(f64::from).collect(),
        Data::F16(values) => values.into_iter().map(f64::from).collect(),
        Data::U32(values) => values.into_iter().map(f64::from).collect(),
    }
}

fn position(mut index: usize, axes: &[usize]) -> Vec<usize> {
    let mut position = vec![0; axes.len()];
    for (along, &size) in position.iter_mut().zip(axes).rev() {
        *along = index % size;
        index /= size;
    }
    position
}

impl fmt::Display for Closeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "relative L2 {:.2e}, worst {:.2e} of the peak, {} of {} elements unequal",
            self.relative_l2, self.share_of_peak, self.unequal, self.elements
        )?;
        if let Some(Offender { position, actual, expected }) = self.first.as_ref().or(self.worst.as_ref()) {
            write!(f, "; first at {position:?}: {actual:e} instead of {expected:e}")?;
        }
        match self.share_of_bound {
            Some(share) if share < 1000.0 => write!(f, "; {share:.2} of its bound")?,
            Some(share) => write!(f, "; {share:.1e} of its bound")?,
            None => {}
        }
        if let Some(Offender { position, actual, expected }) = &self.beyond {
            write!(f, " at {position:?}: {actual:e} instead of {expected:e}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32([values.len()], values.to_vec()).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn closeness(actual: &[f32], expected: &[f32]) -> Closeness {
        Closeness::between(&tensor(actual), &tensor(expected)).unwrap_or_else(|| unreachable!("equal shapes"))
    }

    #[test]
    fn equal_tensors_are_exact() {
        assert!(closeness(&[1.0, f32::NAN, 0.0], &[1.0, f32::NAN, 0.0]).within(Tolerance::EXACT));
    }

    #[test]
    fn one_wrong_element_is_found_and_named() {
        let found = closeness(&[1.0, 2.0, 3.5], &[1.0, 2.0, 3.0]);
        assert!(!found.within(Tolerance::MODEL));
        assert_eq!(found.first.map(|offender| offender.position), Some(vec![2]));
    }

    #[test]
    fn each_bound_must_hold_by_itself() {
        let expected = [1.0; 1000];
        let mut outlier = expected;
        outlier[7] = 1.01;
        let one_element = Tolerance { relative_l2: 1e-3, share_of_peak: 1e-3 };
        let found = closeness(&outlier, &expected);
        assert!(found.relative_l2 < 1e-3 && !found.within(one_element), "{found}");

        let everywhere = Tolerance { relative_l2: 1e-3, share_of_peak: 1e-1 };
        let found = closeness(&[1.01; 1000], &expected);
        assert!(found.share_of_peak < 1e-1 && !found.within(everywhere), "{found}");
        assert!(found.within(Tolerance { relative_l2: 1e-1, ..everywhere }), "{found}");
    }

    #[test]
    fn a_nan_on_one_side_is_never_close() {
        assert!(!closeness(&[f32::NAN, 1.0], &[0.0, 1.0]).within(Tolerance { relative_l2: 1e9, share_of_peak: 1e9 }));
        assert!(!closeness(&[0.0, 1.0], &[f32::NAN, 1.0]).within(Tolerance { relative_l2: 1e9, share_of_peak: 1e9 }));
    }

    #[test]
    fn anything_but_zero_differs_from_zero() {
        assert!(!closeness(&[1e-30], &[0.0]).within(Tolerance::MODEL));
    }

    #[test]
    fn shapes_must_agree() {
        assert_eq!(Closeness::between(&tensor(&[1.0]), &tensor(&[1.0, 1.0])), None);
    }
}
