//! A step of gradient descent on the host.

use super::SgdStep;
use crate::kernels::host::{Arguments, Disjoint, Threads, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn sgd_step(call: &SgdStep, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (gradient, rate) = (arguments.floats(0)?, arguments.floats(1)?[0]);
    let values = arguments.output(0)?;
    let Some(momentum) = call.momentum else {
        threads.chunks(values, BLOCK, |block, values| step(values, &gradient[block * BLOCK..], rate));
        return Ok(());
    };
    let velocities = Disjoint::new(arguments.output(1)?);
    threads.chunks(values, BLOCK, |block, values| {
        let start = block * BLOCK;
        let velocity = velocities.part(start..start + values.len());
        vectorised(
            #[inline(always)]
            || {
                for (velocity, gradient) in velocity.iter_mut().zip(&gradient[start..]) {
                    *velocity = momentum.mul_add(*velocity, *gradient);
                }
            },
        );
        step(values, velocity, rate);
    });
    Ok(())
}

fn step(values: &mut [f32], direction: &[f32], rate: f32) {
    vectorised(
        #[inline(always)]
        || {
            for (value, direction) in values.iter_mut().zip(direction) {
                *value = (-rate).mul_add(*direction, *value);
            }
        },
    );
}
