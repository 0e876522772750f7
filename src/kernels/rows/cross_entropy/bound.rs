//! The errors of cross entropy.

use super::{CrossEntropy, reference};
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// The logarithm of the total errs by the total's share and by a rounding; each probability by its exponential and the total.
/// Devices take a logarithm to 2⁻²¹ of 1 at worst where the total is near 1, eight units.
pub(super) const BOUND: Bound<CrossEntropy> = Bound {
    formula: "share·√(Σ y²·(d² + 2·log² l) + (Σ y)²·(K/9 + Σ p²·(4 + d²/3)))·u of the loss, d = m − logit, and 8·u·share·Σ y; \
              √(p²·(Σ y)²·(6 + d²/3 + K/9) + y²)·u·share of the gradient",
    uncertainties,
};

/// What a logarithm is off by at most, in units of u.
const LOGARITHM: f64 = 8.0;

fn uncertainties(call: &CrossEntropy, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let CrossEntropy { rows, classes, .. } = *call;
    let (logits, share) = (input(inputs, 0)?.reals()?, f64::from(call.share).abs());
    let (loss, gradient) = (outputs[0].reals()?, outputs[1].reals()?);
    let mut of_loss = Uncertainty::of(rows);
    let mut of_gradient = Uncertainty::of(rows * classes);
    for m in 0..rows {
        let row = &logits[m * classes..(m + 1) * classes];
        let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = row.iter().map(|logit| (logit - highest).exp()).collect();
        let total: f64 = exponentials.iter().sum();
        let of_each = |class: usize| {
            let distance = highest - row[class];
            of_rounding(distance) + exponential(distance)
        };
        let squares: f64 = exponentials.iter().map(|value| value * value).sum();
        let moved: f64 = exponentials.iter().enumerate().map(|(class, value)| value * value * of_each(class)).sum();
        let of_total = (of_sum(classes, classes, total, squares) + moved) / (total * total);
        let target = reference::target(call, inputs, m)?;
        let sum: f64 = target.iter().sum();
        let of_sum_of_target = of_sum(classes, classes, sum, target.iter().map(|y| y * y).sum());
        let logarithm = total.ln();
        let terms = target.iter().zip(row).map(|(y, logit)| y * (highest - logit + logarithm));
        let (mut added, mut squares, mut roundings) = (0.0, 0.0, 0.0);
        for term in terms {
            added += term;
            squares += term * term;
            roundings += 4.0 * of_rounding(term);
        }
        let distances: f64 = target.iter().zip(row).map(|(y, logit)| y * y * of_rounding(highest - logit)).sum();
        let variance = sum * sum * of_total + of_sum(classes, classes, added, squares) + roundings + distances;
        let together = logarithm.powi(2) * (of_sum_of_target + 2.0 * of_rounding(sum));
        let whole = share * share * (variance + together) + 3.0 * of_rounding(loss[m]);
        of_loss.add(m, share * sum.abs() * LOGARITHM, whole);
        for (class, y) in target.iter().enumerate() {
            let p = exponentials[class] / total;
            let of_p = of_each(class) + of_total + QUOTIENT + 2.0 * of_rounding(1.0);
            let variance = p * p * (sum * sum * of_p + of_sum_of_target) + 3.0 * of_rounding(*y);
            let at = m * classes + class;
            of_gradient.add(at, 0.0, share * share * variance + 2.0 * of_rounding(gradient[at]));
        }
    }
    Ok(vec![of_loss, of_gradient])
}
