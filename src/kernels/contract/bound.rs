//! How far a kernel may be from its reference: derived from the steps of a call and from its inputs, not picked.
//!
//! A unit here is u = 2⁻²⁴, the most by which a rounding to f32 changes a number, as a share of it. A kernel says, for
//! each element of an output, what is known of its error:
//!
//! - its *random* part, as a variance. A rounding errs by up to u either way and as if by chance; taken as uniform, its
//!   variance is u²/3 of the square of what is rounded. Variances add up, which gives c·√n·u for n roundings where the
//!   worst case is n·u: a bound so wide would hide most faults.
//! - its *systematic* part, a largest size: roundings of constants, and what divisions and functions lose to one side.
//!
//! Of N errors of deviation σ none exceeds t·σ, t = √(2 ln(2 N / p)), but with probability p = 1e-4 (an error that is
//! bounded as a uniform one is never heavier in its tail than a normal one). The error of a sum whose terms have either
//! sign has a heavier tail, for its partial sums may wander far before they come back: that of the area under a walk,
//! exp(−π·x / √6·σ) instead of exp(−x² / 2σ²), so there t = √6/π · ln(2 N / p). So an element may differ by its systematic
//! part and t times each deviation; and all together, ‖actual − expected‖₂, by the norm of the systematic parts and of
//! the deviations and, for N = 1, t times the deviation of the largest group of elements whose errors may be one and the
//! same.

use std::f64::consts::PI;
use std::fmt;

use crate::tensor::{Allowance, Error, Exact, Result, Tensor, Tolerance};

/// u: the most by which a rounding to f32 changes a number, as a share of it.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// p: how probable it is that an error is beyond its bound by chance.
const CHANCE: f64 = 1e-4;

/// What is smaller than normal floats may be flushed to zero, before it is multiplied by some moderate number.
const FLUSHED: f64 = f32::MIN_POSITIVE as f64 * 64.0;

/// What a kernel declares of its errors.
#[non_exhaustive]
pub struct Bound<K> {
    /// The error relative to the output, in plain words and letters: u is 2⁻²⁴.
    pub formula: &'static str,
    /// The errors of each output of a call with these inputs, whose reference has these outputs.
    pub uncertainties: Uncertainties<K>,
}

/// What is known of the errors of each output of a call, from its inputs (`None` where absent) and exact outputs.
pub type Uncertainties<K> = fn(&K, &[Option<&Exact>], &[Exact]) -> Result<Vec<Uncertainty>>;

impl<K> Bound<K> {
    /// With this formula, in plain words and letters where u is 2⁻²⁴, and these errors.
    pub const fn new(formula: &'static str, uncertainties: Uncertainties<K>) -> Self {
        Self { formula, uncertainties }
    }

    /// Of a kernel that copies, selects or computes with whole numbers, or rounds once: every bit must agree.
    pub const EXACT: Self = Self { formula: "0", uncertainties: |_, _, outputs| Ok(exact(outputs)) };
}

impl<K> fmt::Debug for Bound<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("formula", &self.formula).finish_non_exhaustive()
    }
}

/// The uncertainties of outputs that have no error.
pub(crate) fn exact(outputs: &[Exact]) -> Vec<Uncertainty> {
    outputs.iter().map(|output| Uncertainty::of(output.shape().elements())).collect()
}

/// What is known of the errors of an output's elements, in units of u = 2⁻²⁴.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainty {
    /// The largest size of each element's systematic error.
    systematic: Vec<f64>,
    /// The variance of each element's random error, but for sums whose terms have either sign, and of those.
    variances: Vec<f64>,
    sums: Vec<f64>,
    /// Neighbouring elements that may have one and the same random error.
    shared: usize,
}

impl Uncertainty {
    /// That `elements` elements have no error, and each its own.
    pub fn of(elements: usize) -> Self {
        Self { systematic: vec![0.0; elements], variances: vec![0.0; elements], sums: vec![0.0; elements], shared: 1 }
    }

    /// The same where runs of `elements` neighbouring elements may have one and the same random error.
    #[must_use]
    pub fn shared_by(self, elements: usize) -> Self {
        Self { shared: elements.max(1), ..self }
    }

    /// Adds to the systematic error of an element, and to the variance of its random one.
    pub fn add(&mut self, element: usize, systematic: f64, variance: f64) {
        self.systematic[element] += systematic;
        self.variances[element] += variance;
    }

    /// Adds to the variance of an element's random error that of a sum whose terms may have either sign.
    pub fn add_sum(&mut self, element: usize, variance: f64) {
        self.sums[element] += variance;
    }

    /// What an output may differ by from `expected`, the reference rounded to f32, but never by more than `most`.
    ///
    /// An error where an error is not known of a number.
    pub fn allowance(&self, expected: &Tensor, most: Tolerance) -> Result<Allowance> {
        let Ok(expected) = expected.as_f32() else {
            return Ok(Allowance::from(Tolerance::EXACT));
        };
        if expected.len() != self.variances.len() {
            return Err(Error::usage("errors are known of another number of elements than the output has"));
        }
        if self.systematic.iter().chain(&self.variances).chain(&self.sums).all(|error| *error == 0.0) {
            return Ok(Allowance::from(Tolerance::EXACT));
        }
        let [tail, tail_of_sums] = tails(expected.len());
        let (mut norm, mut systematic, mut elements) = (0.0, 0.0, Vec::with_capacity(expected.len()));
        for (index, value) in expected.iter().enumerate() {
            let value = f64::from(*value).abs();
            if !value.is_finite() {
                elements.push(0.0);
                continue;
            }
            // What is expected is itself rounded.
            let largest = self.systematic[index] + value;
            let random = tail * self.variances[index].sqrt() + tail_of_sums * self.sums[index].sqrt();
            let allowed = UNIT * (largest + random) + FLUSHED;
            if !allowed.is_finite() {
                return Err(Error::usage(format!("nothing is known of the error of element {index}")));
            }
            norm += value * value;
            systematic += largest * largest;
            elements.push(allowed);
        }
        let flushed = FLUSHED * (expected.len() as f64).sqrt();
        let allowed = UNIT * (systematic.sqrt() + self.deviation(expected)) + flushed;
        let relative_l2 = if norm > 0.0 { (allowed / norm.sqrt()).min(most.relative_l2) } else { most.relative_l2 };
        Ok(Allowance { tolerance: Tolerance { relative_l2, ..most }, elements })
    }

    /// What the norm of the random errors of the finite elements stays below.
    fn deviation(&self, expected: &[f32]) -> f64 {
        let of = |variances: &[f64]| {
            let groups = expected.chunks(self.shared).zip(variances.chunks(self.shared)).map(|(values, variances)| {
                let finite = values.iter().zip(variances).filter(|(value, _)| value.is_finite());
                finite.map(|(_, variance)| variance).sum::<f64>()
            });
            groups.fold((0.0, 0.0f64), |(sum, largest), group| (sum + group, largest.max(group)))
        };
        let ((sum, largest), (sum_of_sums, largest_sum)) = (of(&self.variances), of(&self.sums));
        let [tail, tail_of_sums] = tails(1);
        (sum + sum_of_sums).sqrt() + tail * largest.sqrt() + tail_of_sums * largest_sum.sqrt()
    }
}

/// How many deviations the largest of so many errors is away, and of errors of sums whose terms have either sign.
fn tails(errors: usize) -> [f64; 2] {
    let chance = (2.0 * errors as f64 / CHANCE).ln();
    [(2.0 * chance).sqrt(), 6.0f64.sqrt() / PI * chance]
}

/// The share of n · Σ terms² in (Σ terms)² from which on n terms are one and the same: it is 1 for those, and ¾ for numbers
/// between 0 and 1.
const EQUAL: f64 = 1.0 - 1e-6;

/// The variance of a sum of `terms` terms in units of u², where no implementation adds more than `chain` in a row before
/// it adds up the sums of such chains. It ends at `sum`, and the squares of its terms add up to `squares`.
///
/// Each addition rounds a partial sum s by a variance of s²/3. Partial sums of terms in no particular order are a walk
/// that is known to end at `sum`: halfway between a straight line to it and chance,
/// Σ s² = n·(sum²/3 + squares/6) for n steps. A chain of L terms is such a walk that ends at its share of the sum, give
/// or take √(squares·L/n). So the error relative to the sum is √(n/9)·u where terms have one sign, and √(n/6)·u where
/// they have either.
///
/// Equal terms are another matter: while a partial sum grows from one power of two to the next, each addition rounds by one
/// and the same error. So errors add up as L/2 and n/(2·L) do, not as their roots.
pub fn of_sum(terms: usize, chain: usize, sum: f64, squares: f64) -> f64 {
    let walk = |steps: f64, end: f64, squares: f64| steps * (end / 3.0 + squares / 6.0);
    let terms = terms.max(1) as f64;
    let chain = (chain.max(1) as f64).min(terms);
    let chains = terms / chain;
    if sum * sum > terms * squares * EQUAL {
        return of_rounding(0.5 * (chain + chains) * sum);
    }
    let end_of_chain = (sum / chains).powi(2) + squares / chains * (1.0 - 1.0 / chains);
    let within = chains * walk(chain, end_of_chain, squares / chains);
    let across = if chains > 1.0 { walk(chains, sum * sum, squares) } else { 0.0 };
    (within + across) / 3.0
}

/// The variance of one rounding of `value`, in units of u².
pub fn of_rounding(value: f64) -> f64 {
    value * value / 3.0
}

/// What functions and quotients of devices lose, as shares of their results in units of u. WGSL allows more: 2.5 units
/// of the last place (5 u) for a quotient, and 3 + 2·|x| of them for exp(x). A bound that wide would hide a wrong constant;
/// every device so far stays within these, which a quotient and an exp2(x · log₂ e) by a table or polynomial keep.
pub(crate) mod functions {
    /// The variance of a quotient: off by one unit of the last place at most, uniform.
    pub(crate) const QUOTIENT: f64 = 4.0 / 3.0;
    /// The variance of a square root.
    pub(crate) const ROOT: f64 = 4.0 / 3.0;

    /// The variance of exp(x), as a share of it: two u for the function, and a rounding of its argument x · log₂ e, which
    /// is as much of x.
    pub(crate) fn exponential(x: f64) -> f64 {
        4.0 + x * x / 3.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32([values.len()], values.to_vec()).unwrap()
    }

    /// Sums of pseudo-random numbers in f32 are as far from those in f64 as the variance says, within a factor of 2.
    #[test]
    fn sums_err_as_they_are_said_to() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for (terms, chain, low) in [(1000, 1000, -1.0f32), (1000, 1000, 0.0), (4096, 64, -1.0), (4096, 64, 0.0)] {
            let (mut errors, mut variance) = (0.0, 0.0);
            for _ in 0..400 {
                let values: Vec<f32> = (0..terms).map(|_| low + (1.0 - low) * random.random::<f32>()).collect();
                let sums = values.chunks(chain).map(|chain| chain.iter().sum::<f32>());
                let exact: f64 = values.iter().map(|value| f64::from(*value)).sum();
                let squares = values.iter().map(|value| f64::from(*value).powi(2)).sum();
                errors += ((f64::from(sums.sum::<f32>()) - exact) / UNIT).powi(2);
                variance += of_sum(terms, chain, exact, squares);
            }
            let ratio = (variance / errors).sqrt();
            assert!((1.0..2.0).contains(&ratio), "{terms} in chains of {chain} from {low} on: {ratio}");
        }
    }

    #[test]
    fn an_error_beyond_its_bound_is_seen_however_small_the_element_is() {
        let expected = tensor(&[1.0, 1e-6, f32::NAN]);
        let mut uncertainty = Uncertainty::of(3);
        uncertainty.add(0, 1.0, 1.0);
        uncertainty.add(1, 1e-6, 1e-12);
        uncertainty.add(2, f64::NAN, f64::NAN);
        uncertainty.add_sum(2, f64::INFINITY);
        let allowance = uncertainty.allowance(&expected, Tolerance::KERNEL).unwrap();
        let of = |values: &[f32]| allowance.closeness(&tensor(values), &expected).unwrap();
        assert!(of(&[1.0, 1e-6 + 2e-13, f32::NAN]).share_of_bound.unwrap() < 1.0);
        let found = of(&[1.0, 1e-6 + 2e-12, f32::NAN]);
        assert!(found.share_of_bound.unwrap() > 1.0 && found.within(Tolerance::KERNEL), "{found}");
        assert!(found.to_string().contains("of its bound at [1]"), "{found}");
        assert!(of(&[1.0, 1e-6, 0.0]).share_of_bound.unwrap() > 1.0);
        assert!(of(&[1.0 + 2e-6, 1e-6, f32::NAN]).share_of_bound.unwrap() > 1.0);
    }

    #[test]
    fn a_bound_is_never_above_the_most_nor_unknown() {
        let mut uncertainty = Uncertainty::of(1);
        uncertainty.add(0, 1e6, 0.0);
        let allowance = uncertainty.allowance(&tensor(&[1.0]), Tolerance::KERNEL).unwrap();
        assert_eq!(allowance.tolerance, Tolerance::KERNEL);
        assert_eq!(
            Uncertainty::of(1).allowance(&tensor(&[1.0]), Tolerance::KERNEL).unwrap().tolerance,
            Tolerance::EXACT
        );
        uncertainty.add(0, f64::NAN, 0.0);
        assert!(uncertainty.allowance(&tensor(&[1.0]), Tolerance::KERNEL).is_err());
        assert!(uncertainty.allowance(&tensor(&[1.0, 2.0]), Tolerance::KERNEL).is_err());
    }
}
