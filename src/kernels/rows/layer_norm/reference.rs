//! Layer normalisation in plain loops.

use super::LayerNorm;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn layer_norm(call: &LayerNorm, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let LayerNorm { rows, width, epsilon } = *call;
    let (values, scale, bias) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?, input(inputs, 2)?.reals()?);
    let mut output = vec![0.0; rows * width];
    for m in 0..rows {
        let mut sum = 0.0;
        for c in 0..width {
            sum += values[m * width + c];
        }
        let mean = sum / width as f64;
        let mut square = 0.0;
        for c in 0..width {
            square += (values[m * width + c] - mean).powi(2);
        }
        let deviation = (square / width as f64 + f64::from(epsilon)).sqrt();
        for c in 0..width {
            let normal = (values[m * width + c] - mean) / deviation;
            output[m * width + c] = normal * scale[c] + bias[c];
        }
    }
    Ok(vec![Exact::from_reals([rows, width], output)?])
}
