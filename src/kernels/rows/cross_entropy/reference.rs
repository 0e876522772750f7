//! Cross entropy in plain loops.

use std::ops::Range;

use super::{CrossEntropy, Target};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn cross_entropy(call: &CrossEntropy, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let CrossEntropy { rows, classes, .. } = *call;
    let logits = input(inputs, 0)?.reals()?;
    let share = f64::from(call.share);
    let (mut losses, mut gradient) = (Vec::new(), Vec::new());
    for m in 0..rows {
        let mut loss = 0.0;
        for (head, of_head) in call.ranges().enumerate() {
            let row = &logits[m * classes..][of_head.clone()];
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|logit| (logit - highest).exp()).sum();
            let target = target(call, inputs, m, (head, of_head))?;
            let sum: f64 = target.iter().sum();
            for (logit, target) in row.iter().zip(&target) {
                loss -= target * (logit - highest - total.ln());
                gradient.push(share * ((logit - highest).exp() / total * sum - target));
            }
        }
        losses.push(share * loss);
    }
    Ok(vec![Exact::from_reals([rows], losses)?, Exact::from_reals([rows, classes], gradient)?])
}

/// y of each class of a row's head, which has this number and these classes.
pub(super) fn target(
    call: &CrossEntropy,
    inputs: &[Option<&Exact>],
    row: usize,
    (head, of_head): (usize, Range<usize>),
) -> Result<Vec<f64>> {
    let (classes, smoothing) = (of_head.len(), f64::from(call.smoothing));
    let mut target = match call.target {
        Target::Distribution => input(inputs, 1)?.reals()?[row * call.classes..][of_head].to_vec(),
        Target::Label => {
            let label = input(inputs, 2)?.words()?[row * call.heads.len() + head] as usize;
            (0..classes).map(|class| if class == label { 1.0 } else { 0.0 }).collect()
        }
    };
    for share in &mut target {
        *share = (1.0 - smoothing) * *share + smoothing / classes as f64;
    }
    Ok(target)
}
