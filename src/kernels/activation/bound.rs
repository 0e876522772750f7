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

    /// By how much its value grows with `x`: what it makes of an error of `x`.
    pub(in crate::kernels) fn slope(self, x: f64) -> f64 {
        match self {
            Self::GeluTanh => {
                let share = 1.0 / (1.0 + (-twice_u(x)).exp());
                let steepness = 2.0 * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBE * x * x);
                let bend = share * (1.0 - share);
                if bend == 0.0 { share } else { share + x * bend * steepness }
            }
            Self::GeluErf => {
                let bell = (-0.5 * x * x).exp() * 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
                let bend = if bell == 0.0 { 0.0 } else { x * bell };
                0.5 * libm::erfc(-x * FRAC_1_SQRT_2) + bend
            }
            Self::Tanh => 1.0 - x.tanh().powi(2),
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
                let known = [activation.slope(x), error.systematic, error.variance];
                assert!(known.iter().all(|number| number.is_finite()), "{activation:?} at {x}: {known:?}");
            }
        }
    }
}
