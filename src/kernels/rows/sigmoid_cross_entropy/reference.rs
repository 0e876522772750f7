//! Sigmoid cross entropy in plain loops.

use super::SigmoidCrossEntropy;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn sigmoid_cross_entropy(call: &SigmoidCrossEntropy, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let SigmoidCrossEntropy { rows, classes, .. } = *call;
    let (logits, targets) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let share = f64::from(call.share);
    let (mut losses, mut gradient) = (Vec::new(), Vec::new());
    for m in 0..rows {
        let mut loss = 0.0;
        for k in 0..classes {
            let (z, y) = (logits[m * classes + k], target(call, targets[m * classes + k]));
            // −log σ(z) and −log(1 − σ(z)), of which one is small and the other large.
            let small = (-z.abs()).exp().ln_1p();
            let [of_class, of_others] = if z < 0.0 { [small - z, small] } else { [small, small + z] };
            loss += y * of_class + (1.0 - y) * of_others;
            gradient.push(share * (1.0 / (1.0 + (-z).exp()) - y));
        }
        losses.push(share * loss);
    }
    Ok(vec![Exact::from_reals([rows], losses)?, Exact::from_reals([rows, classes], gradient)?])
}

/// y.
pub(super) fn target(call: &SigmoidCrossEntropy, given: f64) -> f64 {
    let smoothing = f64::from(call.smoothing);
    (1.0 - smoothing) * given + smoothing / call.classes as f64
}
