//! Activation functions, as kernels apply them and as references compute them.

mod bound;

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

/// A function applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// The tanh approximation of GELU, ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): what ViViT was trained with.
    GeluTanh,
    /// GELU itself, ½·x·(1 + erf(x/√2)): what most PyTorch models use.
    GeluErf,
    /// tanh(x): the representation layer before a head.
    Tanh,
}

impl Activation {
    /// Every activation.
    pub(crate) const ALL: [Self; 3] = [Self::GeluTanh, Self::GeluErf, Self::Tanh];

    /// The number by which `common/activation.wgsl` knows it; 0 there is no activation.
    pub const fn code(self) -> u32 {
        match self {
            Self::GeluTanh => 1,
            Self::GeluErf => 2,
            Self::Tanh => 3,
        }
    }

    /// Its value at `x`, for references: written so that small values left of zero keep their digits.
    pub fn at(self, x: f64) -> f64 {
        match self {
            // ½·(1 + tanh u) = 1 / (1 + exp(−2u))
            Self::GeluTanh => {
                let root_2_over_pi = FRAC_2_SQRT_PI / SQRT_2;
                x / (1.0 + (-2.0 * root_2_over_pi * (x + 0.044_715 * x * x * x)).exp())
            }
            Self::GeluErf => 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2),
            Self::Tanh => x.tanh(),
        }
    }

    /// Its slope at `x`, for references: by how much its value grows with `x`.
    pub(in crate::kernels) fn slope(self, x: f64) -> f64 {
        match self {
            Self::GeluTanh => {
                let root_2_over_pi = FRAC_2_SQRT_PI / SQRT_2;
                let share = 1.0 / (1.0 + (-2.0 * root_2_over_pi * (x + 0.044_715 * x * x * x)).exp());
                let steepness = 2.0 * root_2_over_pi * (1.0 + 3.0 * 0.044_715 * x * x);
                let bend = share * (1.0 - share);
                if bend == 0.0 { share } else { share + x * bend * steepness }
            }
            Self::GeluErf => {
                let bell = (-0.5 * x * x).exp() * 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
                let bend = if bell == 0.0 { 0.0 } else { x * bell };
                0.5 * libm::erfc(-x * FRAC_1_SQRT_2) + bend
            }
            // 1 − tanh² x, where that keeps no digits
            Self::Tanh => {
                let e = (-2.0 * x.abs()).exp();
                4.0 * e / ((1.0 + e) * (1.0 + e))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the defining formulas at 1, to 15 digits.
    #[test]
    fn known_values() {
        let known = [0.841_191_990_608_277, 0.841_344_746_068_543, 0.761_594_155_955_765];
        for (activation, known) in Activation::ALL.into_iter().zip(known) {
            approx::assert_relative_eq!(activation.at(1.0), known, max_relative = 1e-14);
            assert!(activation.at(f64::NAN).is_nan());
        }
    }
}
