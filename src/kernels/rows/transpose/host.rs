//! The exchange of two axes on the host.

use super::Transpose;
use crate::kernels::host::{Arguments, Threads, transpose as turn};
use crate::tensor::Result;

/// Rows of the output in a block: whole cache lines of the input.
const BLOCK: usize = 64;

pub(super) fn transpose(call: &Transpose, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let Transpose { outer, inner, width } = *call;
    let input = arguments.floats(0)?;
    let row = outer * width;
    threads.chunks(arguments.output(0)?, BLOCK * row, |index, output| {
        let first = index * BLOCK;
        if width == 1 {
            turn(&input[first..], inner, [outer, output.len() / row], output, outer);
            return;
        }
        for (j, line) in output.chunks_exact_mut(row).enumerate() {
            for (i, together) in line.chunks_exact_mut(width).enumerate() {
                together.copy_from_slice(&input[(i * inner + first + j) * width..][..width]);
            }
        }
    });
    Ok(())
}
