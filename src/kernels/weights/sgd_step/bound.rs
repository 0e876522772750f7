//! The errors of a step of gradient descent.

use super::SgdStep;
use super::reference::{Given, VELOCITY};
use crate::kernels::contract::{Bound, Uncertainty, input};
use crate::tensor::{Exact, Result};

/// So few roundings may all err to one side: a direction has one for each product and sum that there is, and a value those
/// of its direction and two of its own.
pub(super) const BOUND: Bound<SgdStep> = Bound {
    formula: "(|factor·g| + 2·|decay·θ| + |β·v| + |v'|)·u for a velocity v', of what there is; \
              rate times that, (|rate·v'| + |θ'|)·u for a value θ'",
    uncertainties,
};

fn uncertainties(call: &SgdStep, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let Given { gradient, rate, value: before, factor } = Given::of(call, inputs)?;
    let stepped = outputs[0].reals()?;
    let (mut value, mut velocity) = (Uncertainty::of(stepped.len()), Uncertainty::of(stepped.len()));
    let momentum = call.momentum.map(f64::from);
    let velocities = momentum.map(|_| Ok((input(inputs, VELOCITY)?.reals()?, outputs[1].reals()?))).transpose()?;
    for (index, stepped) in stepped.iter().enumerate() {
        let slope = factor * gradient[index];
        let decayed = f64::from(call.decay) * before[index];
        let mut own = if call.clipped { slope.abs() } else { 0.0 };
        let mut direction = slope + decayed;
        if call.decay > 0.0 {
            // Of the product and of the sum before the velocity comes.
            own += decayed.abs() + direction.abs();
        }
        if let (Some(momentum), Some((slow, fast))) = (momentum, velocities) {
            direction = fast[index];
            own += (momentum * slow[index]).abs() + direction.abs();
            velocity.add(index, own, 0.0);
        }
        value.add(index, rate.abs() * (own + direction.abs()) + stepped.abs(), 0.0);
    }
    Ok(if momentum.is_some() { vec![value, velocity] } else { vec![value] })
}
