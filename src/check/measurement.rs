//! How far the outputs of a case are from the reference.

use serde::Serialize;

use super::ulps::Ulps;
use crate::kernels::{Access, Family};
use crate::tensor::{Closeness, Data, Offender, Tensor};

/// The distance of what was computed from the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Measurement {
    /// Of several outputs, the one that is farthest.
    pub output: String,
    /// ‖actual − expected‖₂ / ‖expected‖₂; infinite where only one side is NaN or infinite.
    pub relative_l2: f64,
    /// Largest |actual − expected| as a share of the largest |expected|.
    pub share_of_peak: f64,
    /// Elements of the output.
    pub elements: usize,
    /// Those that are not bit-equal.
    pub unequal: usize,
    /// Those that are off by more than 1e-5 of the largest, or wrongly NaN or infinite.
    pub outliers: usize,
    /// The element that differs most.
    pub worst: Option<WorstElement>,
    /// Of all outputs.
    pub ulps: Ulps,
}

/// An element that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorstElement {
    /// Its position along each axis.
    pub index: Vec<usize>,
    /// The computed value.
    pub actual: f64,
    /// The expected value.
    pub expected: f64,
}

/// Of the largest value: what rounding in f32 does not reach.
const OUTLIER: f64 = 1e-5;

impl Measurement {
    /// Of all outputs of a call of `family`; `None` where there are none, or shapes differ.
    pub fn of(family: &Family, actual: &[Tensor], expected: &[Tensor]) -> Option<Self> {
        let written = family.bindings.iter().filter(|binding| matches!(binding.access, Access::Write | Access::Update));
        let names: Vec<_> = written.map(|binding| binding.name).collect();
        let mut farthest: Option<Self> = None;
        let mut ulps = Ulps::default();
        for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            let measured = Self::between(names.get(index).copied().unwrap_or_default(), actual, expected)?;
            ulps.merge(&measured.ulps);
            if farthest.as_ref().is_none_or(|farthest| measured.relative_l2 > farthest.relative_l2) {
                farthest = Some(measured);
            }
        }
        farthest.map(|farthest| Self { ulps, ..farthest })
    }

    /// Of one output; `None` where shapes or elements differ.
    pub fn between(output: &str, actual: &Tensor, expected: &Tensor) -> Option<Self> {
        let Closeness { relative_l2, share_of_peak, unequal, elements, worst, .. } =
            Closeness::between(actual, expected)?;
        let worst =
            worst.map(|Offender { position, actual, expected, .. }| WorstElement { index: position, actual, expected });
        let outliers = if unequal == 0 { 0 } else { outliers(&reals(actual), &reals(expected)) };
        let ulps = Ulps::between(actual, expected);
        Some(Self { output: output.to_owned(), relative_l2, share_of_peak, elements, unequal, outliers, worst, ulps })
    }
}

fn outliers(actual: &[f64], expected: &[f64]) -> usize {
    let peak = expected.iter().filter(|value| value.is_finite()).fold(0.0f64, |peak, value| peak.max(value.abs()));
    let agree = |actual: f64, expected: f64| {
        let equal = actual == expected || (actual.is_nan() && expected.is_nan());
        equal || (actual - expected).abs() <= OUTLIER * peak
    };
    actual.iter().zip(expected).filter(|(actual, expected)| !agree(**actual, **expected)).count()
}

fn reals(tensor: &Tensor) -> Vec<f64> {
    match tensor.data() {
        Data::F32(values) => values.iter().copied().map(f64::from).collect(),
        Data::F16(values) => values.iter().copied().map(f64::from).collect(),
        Data::U32(values) => values.iter().copied().map(f64::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Kernel;
    use crate::kernels::rows::Softmax;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32([1, values.len()], values.to_vec()).unwrap()
    }

    #[test]
    fn an_outlier_is_told_from_rounding() {
        let expected = tensor(&[1.0, 2.0, 3.0, f32::NAN, f32::INFINITY]);
        let actual = tensor(&[1.0f32.next_up(), 2.5, f32::NAN, f32::NAN, f32::INFINITY]);
        let measured = Measurement::of(Softmax::FAMILY, &[actual], std::slice::from_ref(&expected)).unwrap();
        assert_eq!((measured.output.as_str(), measured.elements, measured.unequal), ("output", 5, 3));
        assert_eq!(measured.outliers, 2);
        let worst = measured.worst.unwrap();
        assert!(worst.index == [0, 2] && worst.actual.is_nan() && worst.expected == 3.0);
        assert!(measured.relative_l2.is_infinite());
        let same =
            Measurement::of(Softmax::FAMILY, std::slice::from_ref(&expected), std::slice::from_ref(&expected)).unwrap();
        assert_eq!((same.relative_l2, same.outliers, same.worst), (0.0, 0, None));
        assert_eq!(Measurement::of(Softmax::FAMILY, &[tensor(&[1.0])], &[expected]), None);
    }
}
