//! The gradient of an activation in plain loops.

use super::ActivationGradient;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn activation_gradient(call: &ActivationGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (values, gradients) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let mut output = Vec::new();
    for (value, gradient) in values.iter().zip(gradients) {
        output.push(gradient * call.activation.slope(*value));
    }
    Ok(vec![Exact::from_reals([call.rows, call.width], output)?])
}
