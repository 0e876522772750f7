//! Element-wise steps in plain loops.

use super::{Pointwise, Step};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn pointwise(call: &Pointwise, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let values = input(inputs, 0)?.reals()?;
    let mut output = Vec::new();
    match call.step {
        Step::Activation(activation) => {
            for &value in values {
                output.push(activation.at(value));
            }
        }
        Step::Sum => {
            for (value, addend) in values.iter().zip(input(inputs, 1)?.reals()?) {
                output.push(value + addend);
            }
        }
    }
    Ok(vec![Exact::from_reals([call.rows, call.width], output)?])
}
