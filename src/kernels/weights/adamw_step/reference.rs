//! A step of AdamW in plain loops.

use super::AdamwStep;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

/// What a step is computed from.
pub(super) struct Given<'a> {
    pub(super) gradient: &'a [f64],
    pub(super) rate: f64,
    pub(super) corrections: [f64; 2],
    pub(super) value: &'a [f64],
    pub(super) first: &'a [f64],
    pub(super) second: &'a [f64],
    /// 1 where the gradient is not clipped.
    pub(super) factor: f64,
}

impl<'a> Given<'a> {
    pub(super) fn of(call: &AdamwStep, inputs: &[Option<&'a Exact>]) -> Result<Self> {
        let reals = |index: usize| input(inputs, index)?.reals();
        let corrections = reals(2)?;
        Ok(Self {
            gradient: reals(0)?,
            rate: reals(1)?[0],
            corrections: [corrections[0], corrections[1]],
            value: reals(3)?,
            first: reals(4)?,
            second: reals(5)?,
            factor: if call.clipped { reals(6)?[0] } else { 1.0 },
        })
    }
}

pub(super) fn adamw_step(call: &AdamwStep, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Given { gradient, rate, corrections, value, first, second, factor } = Given::of(call, inputs)?;
    let [beta1, beta2] = call.betas;
    let (mut values, mut firsts, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..value.len() {
        let slope = factor * gradient[index];
        let first = beta1 * first[index] + (1.0 - beta1) * slope;
        let second = beta2 * second[index] + (1.0 - beta2) * slope * slope;
        let decayed = value[index] * (1.0 - rate * f64::from(call.decay));
        let root = (second * corrections[1]).sqrt();
        values.push(decayed - rate * first * corrections[0] / (root + f64::from(call.epsilon)));
        firsts.push(first);
        seconds.push(second);
    }
    let shape = [call.rows, call.width];
    [values, firsts, seconds].into_iter().map(|outputs| Exact::from_reals(shape, outputs)).collect()
}
