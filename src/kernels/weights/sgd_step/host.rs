//! A step of gradient descent on the host.

use super::SgdStep;
use crate::kernels::host::{Arguments, Disjoint, Threads, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn sgd_step(call: &SgdStep, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (gradient, rate) = (arguments.floats(0)?, arguments.floats(1)?[0]);
    let factor = arguments.optional_floats(2, call.clipped)?.map_or(1.0, |factor| factor[0]);
    let values = arguments.output(0)?;
    let velocities = call.momentum.map(|_| arguments.output(1).map(Disjoint::new)).transpose()?;
    let momentum = call.momentum.unwrap_or(0.0);
    let shares = [factor, call.decay];
    threads.chunks(values, BLOCK, |block, values| {
        let start = block * BLOCK;
        let gradient = &gradient[start..];
        let Some(velocities) = &velocities else {
            return vectorised(
                #[inline(always)]
                || {
                    for (value, gradient) in values.iter_mut().zip(gradient) {
                        *value = (-rate).mul_add(direction(*gradient, *value, shares), *value);
                    }
                },
            );
        };
        let velocities = velocities.part(start..start + values.len());
        vectorised(
            #[inline(always)]
            || {
                for ((value, velocity), gradient) in values.iter_mut().zip(velocities).zip(gradient) {
                    *velocity = momentum.mul_add(*velocity, direction(*gradient, *value, shares));
                    *value = (-rate).mul_add(*velocity, *value);
                }
            },
        );
    });
    Ok(())
}

/// The gradient as it is followed, by the factor that clips it and the decay.
#[inline(always)]
fn direction(gradient: f32, value: f32, [factor, decay]: [f32; 2]) -> f32 {
    decay.mul_add(value, factor * gradient)
}
