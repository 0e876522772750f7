//! Sums of gradients in plain loops.

use super::Accumulate;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

/// Indices of the inputs.
const GRADIENT: usize = 0;
const KEEP: usize = 1;
const FACTOR: usize = 2;
const SUM: usize = 3;

pub(super) fn accumulate(call: &Accumulate, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (kept, share) = (kept(inputs)?, share(call, inputs)?);
    let mut sums = Vec::new();
    for (kept, gradient) in kept.iter().zip(input(inputs, GRADIENT)?.reals()?) {
        sums.push(kept + share * gradient);
    }
    Ok(vec![Exact::from_reals([call.rows, call.width], sums)?])
}

/// What is left of the sum before.
pub(super) fn kept(inputs: &[Option<&Exact>]) -> Result<Vec<f64>> {
    let (keep, sum) = (input(inputs, KEEP)?.reals()?[0], input(inputs, SUM)?.reals()?);
    Ok(sum.iter().map(|sum| if keep == 0.0 { 0.0 } else { keep * sum }).collect())
}

/// What the gradient is multiplied by.
fn share(call: &Accumulate, inputs: &[Option<&Exact>]) -> Result<f64> {
    let factor = if call.clipped { input(inputs, FACTOR)?.reals()?[0] } else { 1.0 };
    Ok(f64::from(call.share) * factor)
}
