//! The gradient of a linear layer's weight on the host.

use super::LinearWeightGradient;
use crate::kernels::host::{Arguments, Factor, Threads, multiply};
use crate::tensor::Result;

/// Columns of the gradient, rows of the output, in a block.
const BLOCK: usize = 48;
/// Rows that are added up before they are added to the others.
const ROWS: usize = 1024;

pub(super) fn linear_weight_gradient(
    call: &LinearWeightGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let LinearWeightGradient { rows, inner, columns } = *call;
    let (gradient, input) = (arguments.floats(0)?, arguments.floats(1)?);
    threads.chunks(arguments.output(0)?, BLOCK * inner, |index, output| {
        let block = output.len() / inner;
        for first in (0..rows).step_by(ROWS) {
            let sizes = [block, ROWS.min(rows - first), inner];
            let left = Factor::columns(&gradient[first * columns + index * BLOCK..], columns);
            multiply(output, inner, sizes, left, Factor::rows(&input[first * inner..], inner), first > 0);
        }
    });
    Ok(())
}
