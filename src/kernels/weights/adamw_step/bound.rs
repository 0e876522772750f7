//! The errors of a step of AdamW.

use super::AdamwStep;
use super::reference::Given;
use crate::kernels::contract::functions::{QUOTIENT, ROOT};
use crate::kernels::contract::{Bound, Uncertainty};
use crate::tensor::{Exact, Result};

/// So few roundings may all err to one side: those of products, of sums, and of β and 1 − β themselves. Root and quotient err
/// by chance.
pub(super) const BOUND: Bound<AdamwStep> = Bound {
    formula: "(2·|β₁·m| + 3·|(1 − β₁)·g| + |m'|)·u for m'; (2·β₂·u + 5·(1 − β₂)·g² + u')·u for u'; for θ' rate times \
              (what those make of d = m'·c₁/q, q = √(u'·c₂) + ε; 2·|d|, |decay·θ|, 2·|d + decay·θ|; √(8/3)·|d| by chance), \
              |θ'|·u",
    uncertainties,
};

fn uncertainties(call: &AdamwStep, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let given = Given::of(call, inputs)?;
    let (values, firsts, seconds) = (outputs[0].reals()?, outputs[1].reals()?, outputs[2].reals()?);
    let mut uncertain = [(); 3].map(|()| Uncertainty::of(values.len()));
    let [beta1, beta2] = call.betas;
    let [correction1, correction2] = given.corrections;
    for index in 0..values.len() {
        let slope = given.factor * given.gradient[index];
        let (first, second) = (firsts[index], seconds[index]);
        let of_first = 2.0 * (beta1 * given.first[index]).abs() + 3.0 * ((1.0 - beta1) * slope).abs() + first.abs();
        let of_second = 2.0 * beta2 * given.second[index] + 5.0 * (1.0 - beta2) * slope * slope + second;
        let root = (second * correction2).sqrt();
        // A root takes over half the share of what it is taken of; nothing of 0.
        let of_root = if second > 0.0 { 0.5 * root * (of_second / second + 1.0) } else { 0.0 };
        let divisor = root + f64::from(call.epsilon);
        let direction = first * correction1 / divisor;
        let of_direction = of_first * correction1 / divisor
            + direction.abs() * (1.0 + of_root / divisor + 1.0)
            + 2.0 * (direction + f64::from(call.decay) * given.value[index]).abs();
        let of_decay = (f64::from(call.decay) * given.value[index]).abs();
        let rate = given.rate.abs();
        let by_chance = (rate * direction).powi(2) * (QUOTIENT + ROOT * (root / divisor).powi(2));
        uncertain[0].add(index, rate * (of_direction + of_decay) + values[index].abs(), by_chance);
        uncertain[1].add(index, of_first, 0.0);
        uncertain[2].add(index, of_second, 0.0);
    }
    Ok(uncertain.into())
}
