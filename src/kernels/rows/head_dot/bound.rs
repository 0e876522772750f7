//! The errors of the products of heads.

use super::{HeadDot, reference};
use crate::kernels::contract::{Bound, Uncertainty, input, of_sum};
use crate::tensor::{Exact, Result};

/// Products err as sums do.
pub(super) const BOUND: Bound<HeadDot> = Bound { formula: "√(D/6)·u of √(Σ_d left²·right²)", uncertainties };

fn uncertainties(call: &HeadDot, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let squared = |index: usize| {
        let values = input(inputs, index)?;
        Exact::from_reals(values.shape().clone(), values.reals()?.iter().map(|value| value * value).collect())
    };
    let squares = reference::head_dot(call, &[Some(&squared(0)?), Some(&squared(1)?)])?;
    let mut uncertainty = Uncertainty::of(call.heads * call.rows);
    for (at, (sum, squares)) in outputs[0].reals()?.iter().zip(squares[0].reals()?).enumerate() {
        uncertainty.add_sum(at, of_sum(call.width, call.width, *sum, *squares) + squares / 3.0);
    }
    Ok(vec![uncertainty])
}
