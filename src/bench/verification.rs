//! Whether what is timed is right.
//!
//! Every row is checked twice in the same run: at a reduced size against the references in f64, and at the size that is
//! timed against a backend that shares no WGSL with it.

use std::collections::HashMap;

use super::Verification;
use super::candidate::Reduced;
use super::problem::Problem;
use crate::gpu::{DeviceId, DeviceKind};
use crate::graph::Device;
use crate::kernels::Selection;
use crate::tensor::{Closeness, Data, Result, Tensor};

/// Compares with the references, each problem once.
pub(super) struct References {
    device: Device,
    expected: HashMap<String, Vec<Tensor>>,
    made: HashMap<(DeviceId, String), Verification>,
}

impl References {
    pub(super) fn new() -> Self {
        Self { device: Device::references(), expected: HashMap::new(), made: HashMap::new() }
    }

    /// How far `device` is from the references.
    pub(super) fn check(&mut self, device: &Device, selection: &Selection, reduced: &Reduced) -> Result<Verification> {
        let key = (device.id(), reduced.key.clone());
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let Reduced { problem, key: name } = reduced;
        if !self.expected.contains_key(name) {
            let expected = problem.in_f32().outputs(&self.device, &Selection::automatic())?;
            self.expected.insert(name.clone(), expected);
        }
        let expected = self.expected.get(name).map(Vec::as_slice).unwrap_or_default();
        let actual = problem.outputs(device, selection)?;
        let verification = compared("the references in f64", true, &actual, expected, problem.bound);
        self.made.insert(key, verification.clone());
        Ok(verification)
    }
}

/// What computes the same as a device, at the same size, from other source.
#[derive(Clone, Debug)]
pub struct Witness {
    device: Device,
    selection: Selection,
    name: String,
}

impl Witness {
    /// Another device.
    pub fn device(device: &Device) -> Self {
        Self { device: device.clone(), selection: Selection::automatic(), name: device.name().to_owned() }
    }

    /// The same device with other variants of its kernels.
    pub fn variants(device: &Device, selection: Selection) -> Self {
        Self { device: device.clone(), name: format!("the variants {selection}"), selection }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it would take many times as long for `problem` as is timed: a software device with a great one.
    pub(super) fn is_too_slow(&self, problem: &Problem) -> bool {
        let software = self.device.gpu().is_some_and(|gpu| gpu.capabilities().kind == DeviceKind::Software);
        software && problem.cost().operations > MOST_OF_SOFTWARE
    }

    pub(super) fn outputs(&self, problem: &Problem) -> Result<Vec<Tensor>> {
        match self.device.gpu() {
            Some(_) => problem.outputs(&self.device, &self.selection),
            None => problem.in_f32().outputs(&self.device, &Selection::automatic()),
        }
    }
}

/// Operations that software devices take some ten seconds for: they may reach no more than 6 GFLOP a CPU second.
const MOST_OF_SOFTWARE: u64 = 100_000_000_000;

/// How many times as far from each other as from the references two backends may be: each rounds for itself.
pub(super) const BETWEEN_BACKENDS: f64 = 2.0;

/// The comparison of some outputs with what is expected; the distance is that of the output that is farthest.
pub(super) fn compared(
    against: &str,
    reduced: bool,
    actual: &[Tensor],
    expected: &[Tensor],
    bound: f64,
) -> Verification {
    let distances = actual.iter().zip(expected).map(|(actual, expected)| distance(actual, expected));
    let complete = actual.len() == expected.len() && !actual.is_empty();
    let relative_l2 = if complete { distances.fold(0.0, farther) } else { f64::INFINITY };
    Verification { against: against.to_owned(), reduced, relative_l2, bound, passed: relative_l2 <= bound }
}

/// Infinite where there is nothing to compare: two outputs of nothing but NaN agree about nothing.
fn distance(actual: &Tensor, expected: &Tensor) -> f64 {
    let empty = match expected.data() {
        Data::F32(values) => !values.iter().any(|value| value.is_finite()),
        Data::F16(_) | Data::U32(_) => false,
    };
    match Closeness::between(actual, expected) {
        Some(closeness) if !empty => closeness.relative_l2,
        _ => f64::INFINITY,
    }
}

/// The larger; a NaN is farther than anything.
fn farther(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.is_nan() { f64::INFINITY } else { one.max(other) }
}

/// What is wrong with an output, in a sentence; `None` where nothing is.
pub(super) fn fault(verified: &[Verification]) -> Option<String> {
    let failed = verified.iter().find(|verification| !verification.passed)?;
    let Verification { against, relative_l2, bound, reduced, .. } = failed;
    let size = if *reduced { "at a reduced size" } else { "at the size that is timed" };
    Some(format!(
        "the output is wrong: {size} it is {relative_l2:.1e} from that of {against}, and at most {bound:.1e} is accepted"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32]) -> Vec<Tensor> {
        vec![Tensor::f32([values.len()], values.to_vec()).unwrap()]
    }

    #[test]
    fn what_differs_does_not_pass() {
        let check = |actual: &[f32], expected: &[f32]| compared("another", false, &of(actual), &of(expected), 1e-5);
        assert!(check(&[1.0, 2.0], &[1.0, 2.0]).passed);
        for (actual, expected) in [
            (&[1.0, 2.001][..], &[1.0, 2.0][..]),
            (&[1.0, f32::NAN], &[1.0, 2.0]),
            (&[f32::NAN, f32::NAN], &[f32::NAN, f32::NAN]),
            (&[1.0], &[1.0, 2.0]),
        ] {
            let found = check(actual, expected);
            assert!(!found.passed, "{found:?}");
            assert!(fault(&[check(&[1.0], &[1.0]), found]).unwrap().contains("the output is wrong"));
        }
        assert!(!compared("another", false, &[], &[], 1.0).passed);
        assert_eq!(fault(&[check(&[1.0], &[1.0])]), None);
    }
}
