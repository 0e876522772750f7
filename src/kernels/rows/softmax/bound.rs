//! The errors of softmax.

use super::Softmax;
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// Columns that every implementation adds side by side.
const PARTIALS: usize = 8;

/// A share p = e / Σ e errs by its own exponential, whose argument d = max − in is rounded, by those of the others in the
/// sum, each with the weight p, by the C / 8 additions of a chain, and by the quotient.
pub(super) const BOUND: Bound<Softmax> = Bound {
    formula: "√((4 + ⅔·d²)·(1 + Σ p²) + C/72 + 5/3)·u of each share p, d = max − in",
    uncertainties,
};

fn uncertainties(call: &Softmax, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (values, shares) = (input(inputs, 0)?.reals()?, outputs[0].reals()?);
    let mut uncertainty = Uncertainty::of(values.len()).shared_by(call.width);
    for (row, (values, shares)) in values.chunks(call.width).zip(shares.chunks(call.width)).enumerate() {
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The variance of a share's exponential, times the share's square.
        let of_exponential = |(value, share): (&f64, &f64)| match *share {
            0.0 => 0.0,
            share => share * share * (exponential(largest - value) + of_rounding(largest - value)),
        };
        let own: Vec<f64> = values.iter().zip(shares).map(of_exponential).collect();
        let squares = shares.iter().map(|share| share * share).sum();
        let sum = own.iter().sum::<f64>() + of_sum(call.width, call.width.div_ceil(PARTIALS), 1.0, squares);
        for (column, (share, own)) in shares.iter().zip(own).enumerate() {
            let rest = sum + QUOTIENT + of_rounding(1.0);
            uncertainty.add(row * call.width + column, 0.0, own + share * share * rest);
        }
    }
    Ok(vec![uncertainty])
}
