//! The errors of sums of squares.

use super::SquareSum;
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// Squares that an implementation adds up in a row, unless there are many: then there are at most [`CHAINS`] such chains.
const CHAIN: usize = 256;
const CHAINS: usize = 4096;

/// Squares are added up in chains of L = max(256, N / 4096) of N, and then their sums are.
pub(super) const BOUND: Bound<SquareSum> = Bound {
    formula: "√((L + N/L)/9)·u of Σ in², L = max(256, N/4096); √(Σ in⁴/3 + out²/3)·u for squares and addend",
    uncertainties,
};

fn uncertainties(call: &SquareSum, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let values = input(inputs, 0)?.reals()?;
    let (mut sum, mut fourth_powers, mut roundings) = (0.0, 0.0, 0.0);
    for value in values {
        let square = value * value;
        sum += square;
        fourth_powers += square * square;
        roundings += of_rounding(square);
    }
    let chain = CHAIN.max(values.len().div_ceil(CHAINS));
    let added = if call.continued { of_rounding(outputs[0].reals()?[0]) } else { 0.0 };
    let mut uncertainty = Uncertainty::of(1);
    uncertainty.add(0, 0.0, of_sum(values.len(), chain, sum, fourth_powers) + roundings + added);
    Ok(vec![uncertainty])
}
