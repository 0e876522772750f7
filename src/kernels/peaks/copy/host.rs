//! Copying on the host.

use super::PeakCopy;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

/// Floats of a block.
const BLOCK: usize = 1 << 16;

pub(super) fn peak_copy(_: &PeakCopy, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let input = arguments.floats(0)?;
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        output.copy_from_slice(&input[block * BLOCK..][..output.len()]);
    });
    Ok(())
}
