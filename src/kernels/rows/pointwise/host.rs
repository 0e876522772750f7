//! Element-wise steps on the host.

use super::{Pointwise, Step};
use crate::kernels::host::{Arguments, Threads, activate, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn pointwise(call: &Pointwise, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let input = arguments.floats(0)?;
    let addend = arguments.optional_floats(1, call.step == Step::Sum)?;
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        let from = block * BLOCK..block * BLOCK + output.len();
        output.copy_from_slice(&input[from.clone()]);
        vectorised(
            #[inline(always)]
            || match (call.step, addend) {
                (Step::Activation(activation), _) => activate(activation, output),
                (Step::Sum, addend) => {
                    let addend = &addend.unwrap_or_default()[from];
                    output.iter_mut().zip(addend).for_each(|(value, addend)| *value += addend);
                }
            },
        );
    });
    Ok(())
}
