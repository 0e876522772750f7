//! The gradient of an activation on the host.

use super::ActivationGradient;
use crate::kernels::host::{Arguments, Threads, multiply_by_slopes, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn activation_gradient(
    call: &ActivationGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let (values, gradients) = (arguments.floats(0)?, arguments.floats(1)?);
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        let from = block * BLOCK..block * BLOCK + output.len();
        output.copy_from_slice(&gradients[from.clone()]);
        vectorised(
            #[inline(always)]
            || multiply_by_slopes(call.activation, &values[from], output),
        );
    });
    Ok(())
}
