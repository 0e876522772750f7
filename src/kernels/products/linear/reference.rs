//! The linear layer in plain loops.

use super::{Linear, OutputLayout};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn linear(call: &Linear, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Linear { rows, inner, columns, .. } = *call;
    let (values, weight) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let bias = if call.bias { Some(input(inputs, 2)?.reals()?) } else { None };
    let residual = if call.residual { Some(input(inputs, 3)?.reals()?) } else { None };
    let mut output = vec![0.0; rows * columns];
    for m in 0..rows {
        for n in 0..columns {
            let mut sum = bias.map_or(0.0, |bias| bias[n]);
            for k in 0..inner {
                sum += values[m * inner + k] * weight[n * inner + k];
            }
            sum = call.activation.map_or(sum, |activation| activation.at(sum));
            sum += residual.map_or(0.0, |residual| residual[m * columns + n]);
            let at = match call.output {
                OutputLayout::Rows => m * columns + n,
                OutputLayout::Planes { width } => (n / width * rows + m) * width + n % width,
            };
            output[at] = sum;
        }
    }
    Ok(vec![Exact::from_reals(call.output_shape(), output)?])
}
