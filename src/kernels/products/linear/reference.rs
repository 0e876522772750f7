//! The linear layer in plain loops.

use super::{Linear, OutputLayout};
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn linear(call: &Linear, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let Linear { rows, inner, columns, .. } = *call;
    let (values, weight) = (input(inputs, 0)?.as_f32()?, input(inputs, 1)?.as_f32()?);
    let bias = if call.bias { Some(input(inputs, 2)?.as_f32()?) } else { None };
    let residual = if call.residual { Some(input(inputs, 3)?.as_f32()?) } else { None };
    let mut output = vec![0.0; rows * columns];
    for m in 0..rows {
        for n in 0..columns {
            let mut sum = bias.map_or(0.0, |bias| f64::from(bias[n]));
            for k in 0..inner {
                sum += f64::from(values[m * inner + k]) * f64::from(weight[n * inner + k]);
            }
            sum = call.activation.map_or(sum, |activation| activation.at(sum));
            sum += residual.map_or(0.0, |residual| f64::from(residual[m * columns + n]));
            let at = match call.output {
                OutputLayout::Rows => m * columns + n,
                OutputLayout::Planes { width } => (n / width * rows + m) * width + n % width,
            };
            output[at] = sum as f32;
        }
    }
    Ok(vec![Tensor::f32(call.output_shape(), output)?])
}
