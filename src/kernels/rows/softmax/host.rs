//! Softmax on the host.

use super::Softmax;
use crate::kernels::host::{Arguments, Threads, softmax, vectorised};
use crate::tensor::Result;

/// Elements of a block, in whole rows.
const BLOCK: usize = 1 << 14;

pub(super) fn softmax_rows(call: &Softmax, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let width = call.width;
    let input = arguments.floats(0)?;
    let block = BLOCK.div_ceil(width) * width;
    threads.chunks(arguments.output(0)?, block, |index, output| {
        output.copy_from_slice(&input[index * block..][..output.len()]);
        vectorised(
            #[inline(always)]
            || output.chunks_exact_mut(width).for_each(softmax),
        );
    });
    Ok(())
}
