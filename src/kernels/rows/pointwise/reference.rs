//! Element-wise steps in plain loops.

use super::{Pointwise, Step};
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn pointwise(call: &Pointwise, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let values = input(inputs, 0)?.as_f32()?;
    let mut output = Vec::new();
    match call.step {
        Step::Activation(activation) => {
            for &value in values {
                output.push(activation.at(f64::from(value)) as f32);
            }
        }
        Step::Sum => {
            for (value, addend) in values.iter().zip(input(inputs, 1)?.as_f32()?) {
                output.push(value + addend);
            }
        }
    }
    Ok(vec![Tensor::f32([call.rows, call.width], output)?])
}
