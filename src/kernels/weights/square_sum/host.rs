//! Sums of squares on the host.

use super::SquareSum;
use crate::kernels::host::{Arguments, Threads, sum, vectorised};
use crate::tensor::Result;

/// Elements whose squares are added up first, side by side in lanes, which keeps the roundings in each sum few.
const PART: usize = 1 << 10;
/// Parts that a thread takes at once.
const PARTS: usize = 64;

pub(super) fn square_sum(call: &SquareSum, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (input, output) = (arguments.floats(0)?, arguments.output(0)?);
    let addend = arguments.optional_floats(1, call.continued)?.map_or(0.0, |addend| addend[0]);
    let mut part_sums = threads.scratch(input.len().div_ceil(PART));
    threads.chunks(&mut part_sums, PARTS, |block, sums| {
        let parts = input[block * PARTS * PART..].chunks(PART);
        for (total, part) in sums.iter_mut().zip(parts) {
            *total = vectorised(
                #[inline(always)]
                || sum(part, |value| value * value),
            );
        }
    });
    output[0] = addend + sum(&part_sums, |total| total);
    Ok(())
}
