//! The gradient of a linear layer's weight in plain loops.

use super::LinearWeightGradient;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn linear_weight_gradient(call: &LinearWeightGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let LinearWeightGradient { rows, inner, columns } = *call;
    let (gradient, values) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let mut output = vec![0.0; columns * inner];
    for m in 0..rows {
        for n in 0..columns {
            for k in 0..inner {
                output[n * inner + k] += gradient[m * columns + n] * values[m * inner + k];
            }
        }
    }
    Ok(vec![Exact::from_reals([columns, inner], output)?])
}
