//! Sums and maxima of many values, with one running value a lane.

use super::{LANES, exponential};

/// The sum of `of` each value.
#[inline(always)]
pub(in crate::kernels) fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            sums[lane] += of(chunk[lane]);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += of(*value);
    }
    sums.iter().sum()
}

/// The highest of the values that are not NaN; −∞ without any.
#[inline(always)]
pub(in crate::kernels) fn highest(values: &[f32]) -> f32 {
    let higher = |one: f32, other: f32| if other > one { other } else { one };
    let mut peaks = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            peaks[lane] = higher(peaks[lane], chunk[lane]);
        }
    }
    for (peak, value) in peaks.iter_mut().zip(rest) {
        *peak = higher(*peak, *value);
    }
    peaks.into_iter().fold(f32::NEG_INFINITY, higher)
}

/// Replaces each value by exp(value − highest) and returns their sum. A NaN makes the sum NaN.
#[inline(always)]
pub(in crate::kernels) fn weights(values: &mut [f32], highest: f32) -> f32 {
    values.iter_mut().for_each(|value| *value = exponential(*value - highest));
    sum(values, |weight| weight)
}

/// Replaces values by their softmax: shares of 1. A NaN makes all of them NaN.
#[inline(always)]
pub(in crate::kernels) fn softmax(values: &mut [f32]) {
    let peak = highest(values);
    let total = weights(values, peak);
    values.iter_mut().for_each(|value| *value /= total);
}
