//! Layer normalisation in plain loops.

use super::LayerNorm;
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn layer_norm(call: &LayerNorm, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let LayerNorm { rows, width, epsilon } = *call;
    let (values, scale, bias) = (input(inputs, 0)?.as_f32()?, input(inputs, 1)?.as_f32()?, input(inputs, 2)?.as_f32()?);
    let mut output = vec![0.0; rows * width];
    for m in 0..rows {
        let mut sum = 0.0;
        for c in 0..width {
            sum += f64::from(values[m * width + c]);
        }
        let mean = sum / width as f64;
        let mut square = 0.0;
        for c in 0..width {
            square += (f64::from(values[m * width + c]) - mean).powi(2);
        }
        let deviation = (square / width as f64 + f64::from(epsilon)).sqrt();
        for c in 0..width {
            let normal = (f64::from(values[m * width + c]) - mean) / deviation;
            output[m * width + c] = (normal * f64::from(scale[c]) + f64::from(bias[c])) as f32;
        }
    }
    Ok(vec![Tensor::f32([rows, width], output)?])
}
