//! Softmax in plain loops.

use super::Softmax;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn softmax(call: &Softmax, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Softmax { rows, width } = *call;
    let values = input(inputs, 0)?.reals()?;
    let mut output = vec![0.0; rows * width];
    for m in 0..rows {
        let mut largest = f64::NEG_INFINITY;
        for c in 0..width {
            largest = largest.max(values[m * width + c]);
        }
        let mut sum = 0.0;
        for c in 0..width {
            sum += (values[m * width + c] - largest).exp();
        }
        for c in 0..width {
            output[m * width + c] = (values[m * width + c] - largest).exp() / sum;
        }
    }
    Ok(vec![Exact::from_reals([rows, width], output)?])
}
