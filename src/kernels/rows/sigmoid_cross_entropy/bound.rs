//! The errors of sigmoid cross entropy.

use super::{SigmoidCrossEntropy, reference};
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// What y lacks errs by its roundings, e = exp(−|z|) as an exponential does, and with it the logarithm and 1 − σ. Sums of
/// losses, none of them below 0, add √(K/9).
pub(super) const BOUND: Bound<SigmoidCrossEntropy> = Bound {
    formula: "share·√(Σ (z²·(2·y² + miss²) + (1 − σ)²·(4 + z²/3) + 4·log²(1 + e)))·u and √(K/9)·u of the loss; \
              share·√(2·y² + miss² + (1 − σ)²·(6 + z²/3))·u of the gradient; σ and e of |z|",
    uncertainties,
};

fn uncertainties(call: &SigmoidCrossEntropy, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let SigmoidCrossEntropy { rows, classes, .. } = *call;
    let (logits, targets) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let share = f64::from(call.share).abs();
    let (losses, gradient) = (outputs[0].reals()?, outputs[1].reals()?);
    let mut of_loss = Uncertainty::of(rows);
    let mut of_gradient = Uncertainty::of(rows * classes);
    for (m, of_row) in losses.iter().enumerate() {
        let (mut variance, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for at in m * classes..(m + 1) * classes {
            let (z, y) = (logits[at], reference::target(call, targets[at]));
            let spread = f64::from(call.smoothing) / classes as f64;
            let miss = if z < 0.0 { y } else { 1.0 - y };
            let of_miss = 3.0 * of_rounding(y) + QUOTIENT * spread * spread + of_rounding(miss);
            let e = (-z.abs()).exp();
            let (rest, logarithm) = (e / (1.0 + e), e.ln_1p());
            let of_rest = rest * rest * (exponential(z) + QUOTIENT + of_rounding(1.0));
            let of_logarithm =
                rest * rest * exponential(z) + logarithm * logarithm * (QUOTIENT + 6.0 * of_rounding(1.0));
            let loss = z.abs() * miss + logarithm;
            sum += loss;
            squares += loss * loss;
            variance += z * z * of_miss + of_rounding(z * miss) + of_logarithm + of_rounding(loss);
            let of_difference = of_miss + of_rest + of_rounding(miss - rest);
            of_gradient.add(at, 0.0, share * share * of_difference + of_rounding(gradient[at]));
        }
        let of_sum = of_sum(classes, classes, sum, squares);
        of_loss.add(m, 0.0, share * share * (variance + of_sum) + of_rounding(*of_row));
    }
    Ok(vec![of_loss, of_gradient])
}
