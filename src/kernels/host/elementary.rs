//! Exponentials and activations of floats, written so that loops over them become vector instructions: no branch, no
//! table, no call. NaN in is NaN out.

use std::f32::consts::{LN_2, LOG2_E};

use crate::kernels::activation::Activation;

/// Added to a float below 2²², it leaves the nearest whole number in the last bits.
const ROUNDING: f32 = 12_582_912.0;

/// Horner's rule, the highest coefficient last.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for index in (0..N - 1).rev() {
        sum = sum.mul_add(x, coefficients[index]);
    }
    sum
}

/// 2 to the power of the whole number that [`ROUNDING`] was added to.
#[inline(always)]
fn power_of_two(rounded: f32) -> f32 {
    f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// 2ˣ for x below 128; what is too small for a normal float becomes 0.
#[inline(always)]
pub(in crate::kernels) fn exp2(x: f32) -> f32 {
    // Minimax over [−½, ½], 2e-9.
    const POWERS: [f32; 7] = [1.0, LN_2, 0.240_226_47, 0.055_503_29, 0.009_618_489, 0.001_339_993_1, 0.000_153_458_12];
    let rounded = x + ROUNDING;
    let power = polynomial(x - (rounded - ROUNDING), POWERS) * power_of_two(rounded);
    if x < -126.0 { 0.0 } else { power }
}

/// eˣ; what is too small for a normal float becomes 0, what is too large infinite.
#[inline(always)]
pub(in crate::kernels) fn exponential(x: f32) -> f32 {
    // ln 2 in two parts, so that a multiple of the first is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // Minimax over [−ln 2 / 2, ln 2 / 2], 2e-9.
    const POWERS: [f32; 7] = [1.0, 1.0, 0.499_999_9, 0.166_664_2, 0.041_668_226, 0.008_374_822, 0.001_383_683_8];
    let rounded = x.mul_add(LOG2_E, ROUNDING);
    let whole = rounded - ROUNDING;
    let rest = whole.mul_add(-LOW, whole.mul_add(-HIGH, x));
    let power = polynomial(rest, POWERS) * power_of_two(rounded);
    let power = if x < -87.3 { 0.0 } else { power };
    if x > 88.7 { f32::INFINITY } else { power }
}

/// ½·x·(1 + tanh u) = x / (1 + exp(−2u)), which keeps its digits where tanh is near −1.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_ROOT_2_OVER_PI: f32 = 1.595_769;
    let twice_u = TWICE_ROOT_2_OVER_PI * (0.044_715 * x * x).mul_add(x, x);
    x / (1.0 + exponential(-twice_u))
}

/// x·Φ(x).
#[inline(always)]
fn gelu_erf(x: f32) -> f32 {
    x * normal(x)[0]
}

/// Φ(x) and exp(−x²/2): the tail Q(|x|) = Φ(−|x|) is the latter times a smooth function that falls as 1/|x|.
#[inline(always)]
fn normal(x: f32) -> [f32; 2] {
    // (1 + a) · exp(a²/2) · Q(a) over (a − 4) / (a + 4): minimax for a up to 15, 2e-9.
    const TAIL: [f32; 11] = [
        0.472_053_2,
        -0.096_703_47,
        0.013_999_6,
        0.028_599_97,
        -0.032_197_35,
        0.017_940_228,
        -0.005_003_947,
        -0.000_303_441_2,
        0.000_692_214_4,
        -6.154_258e-5,
        -7.198_207e-5,
    ];
    let size = x.abs();
    let size = if size > 15.0 { 15.0 } else { size };
    let square = size * size;
    let lost = size.mul_add(size, -square);
    let bell = exponential(-0.5 * square) * (-0.5f32).mul_add(lost, 1.0);
    let tail = bell * polynomial((size - 4.0) / (size + 4.0), TAIL) / (1.0 + size);
    [if x < 0.0 { tail } else { 1.0 - tail }, bell]
}

/// tanh, by a polynomial where 1 − 2 / (exp(2x) + 1) would lose its digits.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    // (tanh x / x − 1) / x² over x²: minimax for x up to 0.625, 5e-9.
    const NEAR: [f32; 6] = [-0.333_333_34, 0.133_333_04, -0.053_959_265, 0.021_768_948, -0.008_344_03, 0.002_292_830_3];
    let size = x.abs();
    let square = x * x;
    let near = (polynomial(square, NEAR) * square).mul_add(x, x);
    let far = (1.0 - 2.0 / (exponential(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}

/// Applies `activation` to each of `values`.
#[inline(always)]
pub(in crate::kernels) fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::GeluTanh => values.iter_mut().for_each(|value| *value = gelu_tanh(*value)),
        Activation::GeluErf => values.iter_mut().for_each(|value| *value = gelu_erf(*value)),
        Activation::Tanh => values.iter_mut().for_each(|value| *value = tanh(*value)),
    }
}

/// s + x·s·(1 − s)·2u' with s = 1 / (1 + exp(−2u)), as in [`gelu_tanh`]; 1 − s is exp(−2u)·s, which keeps its digits.
#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    const TWICE_ROOT_2_OVER_PI: f32 = 1.595_769;
    const CUBE: f32 = 0.214_064_45;
    let twice_u = TWICE_ROOT_2_OVER_PI * (0.044_715 * x * x).mul_add(x, x);
    let bounded = if twice_u > 60.0 { 60.0 } else { twice_u };
    let e = exponential(-if bounded < -60.0 { -60.0 } else { bounded });
    let share = 1.0 / (1.0 + e);
    let slope = (x * (share * (e * share))).mul_add((CUBE * x).mul_add(x, TWICE_ROOT_2_OVER_PI), share);
    let slope = if twice_u > 60.0 { 1.0 } else { slope };
    if twice_u < -60.0 { 0.0 } else { slope }
}

/// Φ(x) + x·φ(x).
#[inline(always)]
fn gelu_erf_slope(x: f32) -> f32 {
    const BELL: f32 = 0.398_942_3;
    let [share, bell] = normal(x);
    // Beyond 13 the bell is too small, and x may be large.
    if x.abs() > 13.0 { share } else { (x * BELL).mul_add(bell, share) }
}

/// 1 − tanh² x = 4·e / (1 + e)² with e = exp(−2|x|).
#[inline(always)]
fn tanh_slope(x: f32) -> f32 {
    let e = exponential(-2.0 * x.abs());
    let share = 1.0 / (1.0 + e);
    4.0 * e * share * share
}

/// Multiplies each of `gradients` by the slope of `activation` at the value of the same index.
#[inline(always)]
pub(in crate::kernels) fn multiply_by_slopes(activation: Activation, values: &[f32], gradients: &mut [f32]) {
    let both = gradients.iter_mut().zip(values);
    match activation {
        Activation::GeluTanh => both.for_each(|(gradient, value)| *gradient *= gelu_tanh_slope(*value)),
        Activation::GeluErf => both.for_each(|(gradient, value)| *gradient *= gelu_erf_slope(*value)),
        Activation::Tanh => both.for_each(|(gradient, value)| *gradient *= tanh_slope(*value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error over a grid in units of the last place.
    fn worst(from: f32, to: f32, of: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let steps = 40_001;
        let points = (0..steps).map(|step| from + (to - from) * step as f32 / steps as f32);
        let errors = points.map(|x| {
            let expected = exact(f64::from(x));
            (f64::from(of(x)) - expected).abs() / (expected.abs() * f64::from(f32::EPSILON)).max(1e-37)
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn elementary_functions_keep_their_digits() {
        let gelu = |activation: Activation| move |x| activation.at(x);
        for (name, error, most) in [
            ("exp2", worst(-125.9, 0.0, exp2, f64::exp2), 2.0),
            ("exp", worst(-87.0, 88.0, exponential, f64::exp), 2.0),
            ("tanh", worst(-9.0, 9.0, tanh, f64::tanh), 4.0),
            ("gelu tanh", worst(-4.0, 9.0, gelu_tanh, gelu(Activation::GeluTanh)), 20.0),
            ("gelu erf", worst(-5.0, 9.0, gelu_erf, gelu(Activation::GeluErf)), 4.0),
        ] {
            assert!(error < most, "{name}: {error} units of the last place");
        }
    }

    #[test]
    fn extremes_are_what_they_must_be() {
        for function in [exp2, exponential, gelu_tanh, gelu_erf, tanh] {
            assert!(function(f32::NAN).is_nan());
        }
        for small in [f32::NEG_INFINITY, f32::MIN, -1000.0] {
            assert_eq!((exp2(small), exponential(small), tanh(small)), (0.0, 0.0, -1.0));
        }
        assert_eq!(exponential(f32::INFINITY), f32::INFINITY);
        for gelu in [gelu_tanh, gelu_erf] {
            assert_eq!((gelu(-1000.0), gelu(1000.0), gelu(0.0), gelu(f32::MAX)), (0.0, 1000.0, 0.0, f32::MAX));
        }
    }
}
