//! A step of AdamW on the host.

use super::AdamwStep;
use crate::kernels::host::{Arguments, Disjoint, Threads, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn adamw_step(call: &AdamwStep, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (gradient, rate, corrections) = (arguments.floats(0)?, arguments.floats(1)?[0], arguments.floats(2)?);
    let factor = arguments.optional_floats(3, call.clipped)?.map_or(1.0, |factor| factor[0]);
    let values = arguments.output(0)?;
    let (firsts, seconds) = (Disjoint::new(arguments.output(1)?), Disjoint::new(arguments.output(2)?));
    let [kept, added] = [call.betas, call.betas.map(|beta| 1.0 - beta)].map(|shares| shares.map(|share| share as f32));
    let (decay, epsilon) = (call.decay, call.epsilon);
    threads.chunks(values, BLOCK, |block, values| {
        let covered = block * BLOCK..block * BLOCK + values.len();
        let gradient = &gradient[covered.clone()];
        let (firsts, seconds) = (firsts.part(covered.clone()), seconds.part(covered));
        vectorised(
            #[inline(always)]
            || {
                let moments = firsts.iter_mut().zip(seconds.iter_mut());
                for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
                    let slope = factor * gradient;
                    *first = kept[0].mul_add(*first, added[0] * slope);
                    *second = kept[1].mul_add(*second, added[1] * slope * slope);
                    let direction = *first * corrections[0] / ((*second * corrections[1]).sqrt() + epsilon);
                    *value = (-rate).mul_add(decay.mul_add(*value, direction), *value);
                }
            },
        );
    });
    Ok(())
}
