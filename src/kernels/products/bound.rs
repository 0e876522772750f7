//! The errors of sums of products.

use crate::kernels::contract::{of_rounding, of_sum};

/// The variance of Σ_k left[k] · weight[k] + bias, in units of u² with u = 2⁻²⁴, where no implementation adds otherwise than
/// one product after another, or fewer in a row: that of a sum of K terms, and a rounding of each product, which a
/// fused multiply-add does without. So the error is √(K/6)·u of √(Σ left²·weight²).
pub(super) fn of_products(inner: usize, sum: f64, bias: f64, squares: f64) -> f64 {
    let terms = squares + bias * bias;
    of_sum(inner, inner, sum, terms) + (terms + sum * sum) / 3.0 + of_rounding(bias)
}

/// Σ of the fourth powers of each row: by Cauchy and Schwarz, Σ_k left²·weight² is at most the root of the product of
/// two such sums, and for numbers that do not depend on one another hardly less.
pub(super) fn fourth_powers(rows: &[f64], width: usize) -> Vec<f64> {
    rows.chunks(width).map(|row| row.iter().map(|value| value.powi(4)).sum()).collect()
}
