//! The errors of activations, as the shaders (`common/activation.wgsl`) and the host compute them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use super::Activation;
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::of_rounding;

/// The error of a function's value in units of u = 2⁻²⁴: the largest size of its systematic part, the variance of its
/// random one.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct FunctionError {
    pub(in crate::kernels) systematic: f64,
    pub(in crate::kernels) variance: f64,
}

/// An error of twice the whole value: a function that is cut off loses the value there, or keeps it a little longer.
const ALL: f64 = 2.0 * 16_777_216.0;
/// A rounded constant, as a share of it in units of u: those of the shaders are off by no more.
const CONSTANT: f64 = 0.5;

impl Activation {
    /// The error of its value at `x`, where `x` itself has none.
    pub(in crate::kernels) fn error(self, x: f64) -> FunctionError {
        let value = self.at(x);
        let relative = match self {
            Self::GeluTanh => gelu_tanh(x),
            Self::GeluErf => gelu_erf(x),
            Self::Tanh => tanh(x, value),
        };
        match value == 0.0 {
            true => FunctionError { systematic: 0.0, variance: 0.0 },
            false => FunctionError {
                systematic: relative.systematic * value.abs(),
                variance: relative.variance * value * value,
            },
        }
    }

    /// The error of its slope at `x`, where `x` itself has none.
    pub(in crate::kernels) fn slope_error(self, x: f64) -> FunctionError {
        match self {
            Self::GeluTanh => gelu_tanh_slope(x),
            Self::GeluErf => gelu_erf_slope(x),
            Self::Tanh => {
                let argument = 2.0 * x.abs();
                let slope = self.slope(x);
                let relative = exponential(argument) + 2.0 * (QUOTIENT + of_rounding(1.0)) + 3.0 * of_rounding(1.0);
                let cut = if argument > 86.0 { ALL * slope } else { 0.0 };
                FunctionError { systematic: cut, variance: relative * slope * slope }
            }
        }
    }
}

const ROOT_2_OVER_PI: f64 = FRAC_2_SQRT_PI / SQRT_2;
const CUBE: f64 = 0.044_715;

fn twice_u(x: f64) -> f64 {
    2.0 * ROOT_2_OVER_PI * (x + CUBE * x * x * x)
}

/// x / (1 + exp(−2u)). The argument 2u has three roundings and those of its cubic part, and a rounded constant; the
/// exponential counts by its share of the divisor. Below u = −15 the shader gives 0.
fn gelu_tanh(x: f64) -> FunctionError {
    let argument = twice_u(x);
    if argument < -29.9 {
        return FunctionError { systematic: ALL, variance: 0.0 };
    }
    let share = 1.0 / (1.0 + argument.exp());
    if share == 0.0 {
        return FunctionError { systematic: 0.0, variance: of_rounding(1.0) + QUOTIENT };
    }
    let cubic = CUBE * x * x / (1.0 + CUBE * x * x);
    let roundings = of_rounding(1.0) * (3.0 + 2.0 * cubic * cubic) * argument * argument;
    FunctionError {
        systematic: share * argument.abs() * CONSTANT,
        variance: share * share * (roundings + exponential(argument)) + 2.0 * of_rounding(1.0) + QUOTIENT,
    }
}

/// ½·x·(1 ± erf z) with z = |x|/√2: below 1, erf z = z + z·P(z²); from 1 on, erfc z = exp(Q(z)). P makes erf right to
/// 2 u. Q(z) is as large as the logarithm of the tail, and so are the terms of Horner's rule, of which the last three
/// matter. From z = 6 on the shader's tail is 0.
fn gelu_erf(x: f64) -> FunctionError {
    let z = x.abs() * FRAC_1_SQRT_2;
    let tail = libm::erfc(z);
    let (erf, factor) = (1.0 - tail, if x < 0.0 { tail } else { 2.0 - tail });
    let slope = FRAC_2_SQRT_PI * (-z * z).exp();
    if z < 1.0 {
        let (share, of_argument) = (erf / factor, z * slope / factor);
        return FunctionError {
            systematic: of_argument * CONSTANT,
            variance: share * share * (2.0 + 2.0 * of_rounding(1.0))
                + of_argument * of_argument * of_rounding(1.0)
                + 3.0 * of_rounding(1.0),
        };
    }
    if z >= 6.0 {
        return FunctionError { systematic: if x < 0.0 { ALL } else { 0.0 }, variance: of_rounding(2.0) };
    }
    let (share, logarithm, of_argument) = (tail / factor, tail.ln(), z * slope / tail);
    let horner = 4.0 * of_rounding(logarithm);
    FunctionError {
        systematic: share * of_argument * CONSTANT,
        variance: share * share * (horner + of_rounding(of_argument) + exponential(logarithm)) + 3.0 * of_rounding(1.0),
    }
}

/// 1 − r with r = 2 / (exp(2|x|) + 1), and near zero a polynomial without cancellation.
fn tanh(x: f64, value: f64) -> FunctionError {
    let polynomial = 4.0 * of_rounding(1.0);
    let rest = 2.0 / ((2.0 * x.abs()).exp() + 1.0);
    if rest == 0.0 || x.abs() < 0.6 {
        return FunctionError { systematic: 0.0, variance: polynomial };
    }
    let lost = exponential(2.0 * x) + QUOTIENT + of_rounding(1.0);
    FunctionError { systematic: 0.0, variance: polynomial + lost * (rest / value).powi(2) }
}

/// s + x·s·(1 − s)·2u', where s errs as in [`gelu_tanh`] by its share 1 − s of the exponential's error, and s·(1 − s) by
/// 1 − 2s of it. Beyond |u| = 30 the shader gives 0 or 1.
fn gelu_tanh_slope(x: f64) -> FunctionError {
    let argument = twice_u(x);
    let share = 1.0 / (1.0 + (-argument).exp());
    let rest = 1.0 / (1.0 + argument.exp());
    let steepness = 2.0 * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBE * x * x);
    let bend = if share * rest == 0.0 { 0.0 } else { x * share * rest * steepness };
    let cubic = CUBE * x * x / (1.0 + CUBE * x * x);
    let roundings = match argument.is_finite() {
        true => of_rounding(1.0) * (3.0 + 2.0 * cubic * cubic) * argument * argument + exponential(argument),
        false => 0.0,
    };
    if argument.abs() > 59.9 {
        return FunctionError { systematic: ALL * (bend.abs() + share.min(rest)), variance: of_rounding(1.0) };
    }
    let difference = share - rest;
    // Both terms move with the exponential, each its own way; the rest is independent.
    let together = share * rest - bend * difference;
    let own = share * share * (of_rounding(1.0) + QUOTIENT)
        + bend * bend * (7.0 * of_rounding(1.0) + 2.0 * QUOTIENT + 2.0 * of_rounding(1.0));
    FunctionError {
        systematic: argument.abs() * CONSTANT * together.abs() + 2.0 * CONSTANT * bend.abs(),
        variance: roundings * together * together + own + of_rounding(share + bend),
    }
}

/// Φ(x), which errs as x·Φ(x) does as a share of it, and x·φ(x), whose exponential has an argument with one rounding.
fn gelu_erf_slope(x: f64) -> FunctionError {
    let share = 0.5 * libm::erfc(-x * FRAC_1_SQRT_2);
    let bend = Activation::GeluErf.slope(x) - share;
    let of_share = gelu_erf(x);
    let half_square = (0.5 * x * x).min(1e4);
    let of_bell = of_rounding(half_square) + exponential(half_square) + 4.0 * of_rounding(1.0);
    let cut = if x.abs() > 12.9 { ALL * bend.abs() } else { 0.0 };
    FunctionError {
        systematic: of_share.systematic * share + CONSTANT * bend.abs() + cut,
        variance: of_share.variance * share * share + of_bell * bend * bend + of_rounding(share + bend),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_functions() {
        for activation in Activation::ALL {
            for x in [-7.0, -3.0, -1.0, -1e-3, 0.0, 0.5, 2.0, 9.0] {
                let step = 1e-5;
                let between = (activation.at(x + step) - activation.at(x - step)) / (2.0 * step);
                approx::assert_abs_diff_eq!(activation.slope(x), between, epsilon = 1e-8);
            }
            for x in [-1e30, -400.0, 400.0, 1e30, 3e38, -3e38] {
                let error = activation.error(x);
                let of_slope = activation.slope_error(x);
                let known =
                    [activation.slope(x), error.systematic, error.variance, of_slope.systematic, of_slope.variance];
                assert!(known.iter().all(|number| number.is_finite()), "{activation:?} at {x}: {known:?}");
            }
        }
    }
}
