//! The errors of a step of gradient descent.

use super::SgdStep;
use crate::kernels::contract::{Bound, Uncertainty, input};
use crate::tensor::{Exact, Result};

/// So few roundings may all err to one side: a velocity has two, and a value those of its velocity and two of its own.
pub(super) const BOUND: Bound<SgdStep> = Bound {
    formula: "(|β·v| + |v'|)·u for a velocity v'; rate times that, (|rate·v'| + |θ'|)·u for a value θ'",
    uncertainties,
};

fn uncertainties(call: &SgdStep, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (gradient, rate) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?[0].abs());
    let stepped = outputs[0].reals()?;
    let mut value = Uncertainty::of(stepped.len());
    let Some(momentum) = call.momentum else {
        for (index, stepped) in stepped.iter().enumerate() {
            value.add(index, (rate * gradient[index]).abs() + stepped.abs(), 0.0);
        }
        return Ok(vec![value]);
    };
    let (before, after) = (input(inputs, 3)?.reals()?, outputs[1].reals()?);
    let mut velocity = Uncertainty::of(stepped.len());
    for (index, stepped) in stepped.iter().enumerate() {
        let of_velocity = (f64::from(momentum) * before[index]).abs() + after[index].abs();
        velocity.add(index, of_velocity, 0.0);
        value.add(index, rate * (of_velocity + after[index].abs()) + stepped.abs(), 0.0);
    }
    Ok(vec![value, velocity])
}
