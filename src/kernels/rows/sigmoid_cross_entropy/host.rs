//! Sigmoid cross entropy on the host.

use super::SigmoidCrossEntropy;
use crate::kernels::host::{Arguments, Disjoint, Threads, exponential, sum, vectorised};
use crate::tensor::Result;

pub(super) fn sigmoid_cross_entropy(
    call: &SigmoidCrossEntropy,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let classes = call.classes;
    let (logits, targets) = (arguments.floats(0)?, arguments.floats(1)?);
    let losses = Disjoint::new(arguments.output(0)?);
    threads.chunks(arguments.output(1)?, classes, |row, gradient| {
        let [logits, targets] = [logits, targets].map(|values| &values[row * classes..][..classes]);
        let mut parts = threads.scratch(classes);
        losses.part(row..row + 1)[0] = vectorised(
            #[inline(always)]
            || loss(call, logits, targets, &mut parts, gradient),
        );
    });
    Ok(())
}

/// The loss of a row, whose `parts` are those of its classes. What y lacks of the class that a logit's sign says is as in
/// `shaders/rows/sigmoid_cross_entropy.wgsl`.
#[inline(always)]
fn loss(call: &SigmoidCrossEntropy, logits: &[f32], targets: &[f32], parts: &mut [f32], gradient: &mut [f32]) -> f32 {
    let (rest, spread) = (1.0 - call.smoothing, call.smoothing / logits.len() as f32);
    for (((z, target), part), gradient) in logits.iter().zip(targets).zip(parts.iter_mut()).zip(gradient) {
        let y = rest * target + spread;
        let miss = if *z < 0.0 { y } else { 1.0 - y };
        let e = exponential(-z.abs());
        let difference = miss - e / (1.0 + e);
        *part = z.abs() * miss + log_of_one_and(e);
        *gradient = call.share * if *z < 0.0 { -difference } else { difference };
    }
    call.share * sum(parts, |part| part)
}

/// log(1 + e) = 2·artanh(s), s = e / (2 + e), for e from 0 to 1: the series to s¹⁵, to 2e-9.
#[inline(always)]
fn log_of_one_and(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let mut series = 1.0 / 15.0f32;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series.mul_add(s * s, 1.0 / odd);
    }
    2.0 * s * series
}
