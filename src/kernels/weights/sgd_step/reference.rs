//! A step of gradient descent in plain loops.

use super::SgdStep;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn sgd_step(call: &SgdStep, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (gradient, rate) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?[0]);
    let value = input(inputs, 2)?.reals()?;
    let shape = [call.rows, call.width];
    let mut stepped = Vec::new();
    let Some(momentum) = call.momentum else {
        for (value, gradient) in value.iter().zip(gradient) {
            stepped.push(value - rate * gradient);
        }
        return Ok(vec![Exact::from_reals(shape, stepped)?]);
    };
    let velocity = input(inputs, 3)?.reals()?;
    let mut moved = Vec::new();
    for (index, value) in value.iter().enumerate() {
        let faster = f64::from(momentum) * velocity[index] + gradient[index];
        moved.push(faster);
        stepped.push(value - rate * faster);
    }
    Ok(vec![Exact::from_reals(shape, stepped)?, Exact::from_reals(shape, moved)?])
}
