//! The errors of the gradient of a linear layer's weight.

use super::LinearWeightGradient;
use crate::kernels::contract::{Bound, Uncertainty, input};
use crate::kernels::products::bound::of_products;
use crate::tensor::{Exact, Result};

/// Products err as sums do.
pub(super) const BOUND: Bound<LinearWeightGradient> =
    Bound { formula: "√(M/6)·u of √(Σ_m gradient²·in²)", uncertainties };

fn uncertainties(
    call: &LinearWeightGradient,
    inputs: &[Option<&Exact>],
    outputs: &[Exact],
) -> Result<Vec<Uncertainty>> {
    let LinearWeightGradient { rows, inner, columns } = *call;
    let of_gradient = column_powers(input(inputs, 0)?.reals()?, columns);
    let of_input = column_powers(input(inputs, 1)?.reals()?, inner);
    let sums = outputs[0].reals()?;
    let mut uncertainty = Uncertainty::of(sums.len());
    for (n, of_column) in of_gradient.iter().enumerate() {
        for (k, of_k) in of_input.iter().enumerate() {
            let at = n * inner + k;
            uncertainty.add_sum(at, of_products(rows, sums[at], 0.0, (of_column * of_k).sqrt()));
        }
    }
    Ok(vec![uncertainty])
}

/// Σ of the fourth powers of each column of rows as wide as `width`.
pub(in crate::kernels::products) fn column_powers(values: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for row in values.chunks(width) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.powi(4));
    }
    sums
}
