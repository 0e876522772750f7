//! The gradient of a linear layer's weight on the host.

use super::LinearWeightGradient;
use crate::kernels::host::{Arguments, Disjoint, Factor, Threads, multiply};
use crate::tensor::Result;

/// Columns of the gradient, and of the input, of a block: enough that each is read a few times only, and few enough that several
/// threads have some.
const BLOCK: [usize; 2] = [192, 384];
/// Rows that are added up before they are added to the others.
const ROWS: usize = 1024;

pub(super) fn linear_weight_gradient(
    call: &LinearWeightGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let LinearWeightGradient { rows, inner, columns } = *call;
    let (gradient, input) = (arguments.floats(0)?, arguments.floats(1)?);
    let output = Disjoint::new(arguments.output(0)?);
    let across = inner.div_ceil(BLOCK[1]);
    threads.run(columns.div_ceil(BLOCK[0]) * across, |block| {
        let (top, side) = (block / across * BLOCK[0], block % across * BLOCK[1]);
        let (high, wide) = (BLOCK[0].min(columns - top), BLOCK[1].min(inner - side));
        let mut sums = threads.scratch(high * wide);
        for first in (0..rows).step_by(ROWS) {
            let left = Factor::columns(&gradient[first * columns + top..], columns);
            let right = Factor::rows(&input[first * inner + side..], inner);
            multiply(&mut sums, wide, [high, ROWS.min(rows - first), wide], left, right, first > 0);
        }
        for (row, sums) in (top..).zip(sums.chunks_exact(wide)) {
            let start = row * inner + side;
            output.part(start..start + wide).copy_from_slice(sums);
        }
    });
    Ok(())
}
