//! Cross entropy on the host.

use super::{CrossEntropy, Target};
use crate::kernels::host::{Arguments, Disjoint, Threads, highest, sum, vectorised, weights};
use crate::tensor::Result;

pub(super) fn cross_entropy(call: &CrossEntropy, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let classes = call.classes;
    let logits = arguments.floats(0)?;
    let targets = arguments.optional_floats(1, call.target == Target::Distribution)?;
    let labels = (call.target == Target::Label).then(|| arguments.words(2)).transpose()?;
    let losses = Disjoint::new(arguments.output(0)?);
    threads.chunks(arguments.output(1)?, classes, |row, gradient| {
        let logits = &logits[row * classes..][..classes];
        let mut probabilities = threads.scratch(classes);
        let mut whole = 0.0;
        for (head, of_head) in call.ranges().enumerate() {
            let gradient = &mut gradient[of_head.clone()];
            match (targets, labels) {
                (Some(targets), _) => gradient.copy_from_slice(&targets[row * classes..][of_head.clone()]),
                (None, labels) => {
                    gradient.fill(0.0);
                    let label = labels.map(|labels| labels[row * call.heads.len() + head] as usize);
                    if let Some(target) = label.and_then(|label| gradient.get_mut(label)) {
                        *target = 1.0;
                    }
                }
            }
            whole += vectorised(
                #[inline(always)]
                || loss(call, &logits[of_head.clone()], &mut probabilities[of_head], gradient),
            );
        }
        losses.part(row..row + 1)[0] = whole;
    });
    Ok(())
}

/// The loss of a row's head; `target` becomes the gradient.
#[inline(always)]
fn loss(call: &CrossEntropy, logits: &[f32], probabilities: &mut [f32], target: &mut [f32]) -> f32 {
    let (rest, spread) = (1.0 - call.smoothing, call.smoothing / logits.len() as f32);
    probabilities.copy_from_slice(logits);
    let peak = highest(probabilities);
    let total = weights(probabilities, peak);
    let logarithm = total.ln();
    // What smoothing adds is the same for all classes: it is multiplied once, not added up, which would round one way.
    let (mut distance, mut targeted) = (0.0, 0.0);
    for (target, logit) in target.iter_mut().zip(logits) {
        targeted += *target;
        distance += *target * (peak - logit);
        *target = rest * *target + spread;
    }
    let distances = sum(logits, |logit| peak - logit);
    let all = rest * targeted + call.smoothing;
    for (target, probability) in target.iter_mut().zip(&*probabilities) {
        *target = call.share * (probability / total * all - *target);
    }
    call.share * (rest * distance + spread * distances + all * logarithm)
}
