//! The errors of sums of columns.

use super::{ColumnSum, reference};
use crate::kernels::contract::{Bound, Uncertainty, input, of_sum};
use crate::tensor::{Exact, Result};

/// Rows that an implementation adds up in a row, unless there are many: then there are at most [`STRIPS`] such strips.
const STRIP: usize = 256;
const STRIPS: usize = 256;

/// A column is added up in strips of L = max(256, M / 256) rows, and then its strips are.
pub(super) const BOUND: Bound<ColumnSum> = Bound {
    formula: "√((L + M/L)/6)·u of √(Σ in²), L = max(256, M/256); √((L²/M + M/L)/9)·u of the sum where one sign prevails",
    uncertainties,
};

fn uncertainties(call: &ColumnSum, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let values = input(inputs, 0)?;
    let squares = values.reals()?.iter().map(|value| value * value).collect();
    let squares = reference::column_sum(call, &[Some(&Exact::from_reals(values.shape().clone(), squares)?)])?;
    let chain = STRIP.max(call.rows.div_ceil(STRIPS));
    let mut uncertainty = Uncertainty::of(call.width);
    for (column, (sum, squares)) in outputs[0].reals()?.iter().zip(squares[0].reals()?).enumerate() {
        uncertainty.add_sum(column, of_sum(call.rows, chain, *sum, *squares));
    }
    Ok(vec![uncertainty])
}
