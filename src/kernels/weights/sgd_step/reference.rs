//! A step of gradient descent in plain loops.

use super::SgdStep;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

/// Indices of the inputs.
const GRADIENT: usize = 0;
const RATE: usize = 1;
const VALUE: usize = 2;
pub(super) const VELOCITY: usize = 3;
const FACTOR: usize = 4;

/// What a step is computed from.
pub(super) struct Given<'a> {
    pub(super) gradient: &'a [f64],
    pub(super) rate: f64,
    pub(super) value: &'a [f64],
    /// 1 where the gradient is not clipped.
    pub(super) factor: f64,
}

impl<'a> Given<'a> {
    pub(super) fn of(call: &SgdStep, inputs: &[Option<&'a Exact>]) -> Result<Self> {
        Ok(Self {
            gradient: input(inputs, GRADIENT)?.reals()?,
            rate: input(inputs, RATE)?.reals()?[0],
            value: input(inputs, VALUE)?.reals()?,
            factor: if call.clipped { input(inputs, FACTOR)?.reals()?[0] } else { 1.0 },
        })
    }
}

pub(super) fn sgd_step(call: &SgdStep, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Given { gradient, rate, value, factor } = Given::of(call, inputs)?;
    let shape = [call.rows, call.width];
    let decay = f64::from(call.decay);
    let mut direction = Vec::new();
    for (value, gradient) in value.iter().zip(gradient) {
        direction.push(factor * gradient + decay * value);
    }
    if let Some(momentum) = call.momentum {
        for (direction, velocity) in direction.iter_mut().zip(input(inputs, VELOCITY)?.reals()?) {
            *direction += f64::from(momentum) * velocity;
        }
    }
    let mut stepped = Vec::new();
    for (value, direction) in value.iter().zip(&direction) {
        stepped.push(value - rate * direction);
    }
    let mut outputs = vec![Exact::from_reals(shape, stepped)?];
    if call.momentum.is_some() {
        outputs.push(Exact::from_reals(shape, direction)?);
    }
    Ok(outputs)
}
