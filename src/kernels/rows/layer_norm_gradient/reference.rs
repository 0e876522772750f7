//! The gradients of layer normalisation in plain loops.

use super::LayerNormGradient;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn layer_norm_gradient(call: &LayerNormGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let LayerNormGradient { rows, width, epsilon } = *call;
    let (values, scale) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let gradient = input(inputs, 2)?.reals()?;
    let (mut output, mut of_scale) = (Vec::new(), Vec::new());
    for m in 0..rows {
        let row = &values[m * width..(m + 1) * width];
        let mean = row.iter().sum::<f64>() / width as f64;
        let square = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = (square / width as f64 + f64::from(epsilon)).sqrt();
        let normal = |c: usize| (row[c] - mean) / deviation;
        let scaled = |c: usize| gradient[m * width + c] * scale[c];
        let mut average = 0.0;
        let mut together = 0.0;
        for c in 0..width {
            average += scaled(c) / width as f64;
            together += scaled(c) * normal(c) / width as f64;
        }
        for c in 0..width {
            output.push((scaled(c) - average - normal(c) * together) / deviation);
            of_scale.push(gradient[m * width + c] * normal(c));
        }
    }
    Ok(vec![Exact::from_reals([rows, width], output)?, Exact::from_reals([rows, width], of_scale)?])
}
