//! Sums of gradients on the host.

use super::Accumulate;
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn accumulate(call: &Accumulate, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (gradient, keep) = (arguments.floats(0)?, arguments.floats(1)?[0]);
    let factor = arguments.optional_floats(2, call.clipped)?.map_or(1.0, |factor| factor[0]);
    let share = call.share * factor;
    threads.chunks(arguments.output(0)?, BLOCK, |block, sums| {
        // Not a product by 0: what was there may be NaN.
        if keep == 0.0 {
            sums.fill(0.0);
        }
        let gradient = &gradient[block * BLOCK..];
        vectorised(
            #[inline(always)]
            || {
                for (sum, gradient) in sums.iter_mut().zip(gradient) {
                    *sum = share.mul_add(*gradient, keep * *sum);
                }
            },
        );
    });
    Ok(())
}
