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
    let gradient = outputs[1].reals()?;
    let mut of_loss = Uncertainty::of(rows);
    let mut of_gradient = Uncertainty::of(rows * classes);
    for m in 0..rows {
        let mut added = 0.0;
        for (head, of_head) in call.ranges().enumerate() {
            let row = &logits[m * classes..][of_head.clone()];
            let target = reference::target(call, inputs, m, (head, of_head.clone()))?;
            let known = Head::of(row, &target);
            added += share * known.loss;
            let rounding = 3.0 * of_rounding(share * known.loss) + of_rounding(added);
            of_loss.add(m, share * known.sum.abs() * LOGARITHM, share * share * known.of_loss + rounding);
            for (class, y) in target.iter().enumerate() {
                let at = m * classes + of_head.start + class;
                of_gradient.add(
                    at,
                    0.0,
                    share * share * known.of_gradient(class, *y) + 2.0 * of_rounding(gradient[at]),
                );
            }
        }
    }
    Ok(vec![of_loss, of_gradient])
}

/// What is known of a row's head.
struct Head {
    /// Its loss, the variance of that, and Σ y.
    loss: f64,
    of_loss: f64,
    sum: f64,
    /// p of each class, and the variance of p as a share of it.
    probabilities: Vec<f64>,
    of_probabilities: Vec<f64>,
    /// The variance of Σ y.
    of_sum: f64,
}

impl Head {
    fn of(row: &[f64], target: &[f64]) -> Self {
        let classes = row.len();
        let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = row.iter().map(|logit| (logit - highest).exp()).collect();
        let total: f64 = exponentials.iter().sum();
        let of_each = |logit: &f64| of_rounding(highest - logit) + exponential(highest - logit);
        let squares: f64 = exponentials.iter().map(|value| value * value).sum();
        let moved: f64 = exponentials.iter().zip(row).map(|(value, logit)| value * value * of_each(logit)).sum();
        let of_total = (of_sum(classes, classes, total, squares) + moved) / (total * total);
        let sum: f64 = target.iter().sum();
        let of_sum_of_target = of_sum(classes, classes, sum, target.iter().map(|y| y * y).sum());
        let logarithm = total.ln();
        let (mut loss, mut squares, mut variance) = (0.0, 0.0, 0.0);
        for (y, logit) in target.iter().zip(row) {
            let term = y * (highest - logit + logarithm);
            loss += term;
            squares += term * term;
            variance += 4.0 * of_rounding(term) + y * y * of_rounding(highest - logit);
        }
        variance += sum * sum * of_total + of_sum(classes, classes, loss, squares);
        variance += logarithm.powi(2) * (of_sum_of_target + 2.0 * of_rounding(sum));
        let of_probability = |logit| of_each(logit) + of_total + QUOTIENT + 2.0 * of_rounding(1.0);
        Self {
            loss,
            of_loss: variance,
            sum,
            probabilities: exponentials.iter().map(|value| value / total).collect(),
            of_probabilities: row.iter().map(of_probability).collect(),
            of_sum: of_sum_of_target,
        }
    }

    /// The variance of p·Σ y − y.
    fn of_gradient(&self, class: usize, y: f64) -> f64 {
        let relative = self.sum * self.sum * self.of_probabilities[class] + self.of_sum;
        self.probabilities[class].powi(2) * relative + 3.0 * of_rounding(y)
    }
}
