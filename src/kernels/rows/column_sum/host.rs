//! Sums of columns on the host.

use super::ColumnSum;
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::Result;

/// Rows of a strip. Strips are added up first, then their sums, which keeps the roundings in each sum few.
const STRIP: usize = 256;

pub(super) fn column_sum(call: &ColumnSum, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (input, output) = (arguments.floats(0)?, arguments.output(0)?);
    let width = call.width;
    let mut partial_sums = threads.scratch(call.rows.div_ceil(STRIP) * width);
    threads.chunks(&mut partial_sums, width, |strip, sums| {
        let rows = strip * STRIP..call.rows.min((strip + 1) * STRIP);
        add_up(&input[rows.start * width..rows.end * width], sums);
    });
    add_up(&partial_sums, output);
    Ok(())
}

/// The sum of rows as wide as `sums`, the first to the last.
fn add_up(rows: &[f32], sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            sums.fill(0.0);
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}
