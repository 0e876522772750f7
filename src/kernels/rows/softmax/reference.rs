//! Softmax in plain loops.

use super::Softmax;
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn softmax(call: &Softmax, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let Softmax { rows, width } = *call;
    let values = input(inputs, 0)?.as_f32()?;
    let mut output = vec![0.0; rows * width];
    for m in 0..rows {
        let mut largest = f64::NEG_INFINITY;
        for c in 0..width {
            largest = largest.max(f64::from(values[m * width + c]));
        }
        let mut sum = 0.0;
        for c in 0..width {
            sum += (f64::from(values[m * width + c]) - largest).exp();
        }
        for c in 0..width {
            output[m * width + c] = ((f64::from(values[m * width + c]) - largest).exp() / sum) as f32;
        }
    }
    Ok(vec![Tensor::f32([rows, width], output)?])
}
