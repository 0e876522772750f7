//! The errors of pooling.

use super::{Pool, Pooling, reference};
use crate::kernels::contract::functions::QUOTIENT;
use crate::kernels::contract::{Bound, Uncertainty, exact, input, of_sum};
use crate::tensor::{Exact, Result};

/// Tokens that an implementation adds up in a row.
const RUN: usize = 128;

/// A token or a maximum is picked. A sum is one of runs of 128 tokens at most; a mean is divided besides. Columns of equal
/// tokens err alike.
pub(super) const BOUND: Bound<Pool> = Bound {
    formula: "0 for a token and a maximum; √((128 + N/128)/6)·u of √(Σ in²) for a sum or, divided by N, a mean, and 2·u",
    uncertainties,
};

fn uncertainties(call: &Pool, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    if matches!(call.pooling, Pooling::Token | Pooling::Max) {
        return Ok(exact(outputs));
    }
    let values = input(inputs, 0)?;
    let of = |power: i32, pooling| {
        let powers = values.reals()?.iter().map(|value| value.powi(power)).collect();
        let powers = Exact::from_reals(values.shape().clone(), powers)?;
        let validity = inputs.get(1).copied().flatten();
        reference::pool(&Pool { pooling, ..call.clone() }, &[Some(&powers), validity])
    };
    let (counts, squares) = (of(0, Pooling::Sum)?, of(2, Pooling::Sum)?);
    let output = outputs[0].reals()?;
    let mut uncertainty = Uncertainty::of(output.len()).shared_by(output.len());
    for (index, ((value, count), squares)) in output.iter().zip(counts[0].reals()?).zip(squares[0].reals()?).enumerate()
    {
        let (factor, quotient) = match call.pooling {
            Pooling::Mean => (*count, QUOTIENT),
            _ => (1.0, 0.0),
        };
        let of_sum = of_sum(*count as usize, RUN, value * factor, *squares);
        uncertainty.add(index, 0.0, quotient * value * value);
        uncertainty.add_sum(index, of_sum / (factor * factor));
    }
    Ok(vec![uncertainty])
}
