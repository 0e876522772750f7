//! Element-wise steps in plain loops.

use super::{Pointwise, Step};
use crate::kernels::input;
use crate::tensor::{Result, Tensor};

pub(super) fn pointwise(call: &Pointwise, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let mut output = Vec::new();
    for (place, &value) in input(inputs, 0)?.as_f32()?.iter().enumerate() {
        output.push(match call.step {
            Step::Activation(activation) => activation.at(f64::from(value)) as f32,
            Step::Sum => value + input(inputs, 1)?.as_f32()?[place],
        });
    }
    Ok(vec![Tensor::f32([call.rows, call.width], output)?])
}
