//! The products of heads on the host.

use super::HeadDot;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

/// Products of a block.
const BLOCK: usize = 1 << 10;

pub(super) fn head_dot(call: &HeadDot, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let HeadDot { rows, heads, width } = *call;
    let (left, right) = (arguments.floats(0)?, arguments.floats(1)?);
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        for (index, product) in output.iter_mut().enumerate() {
            let (head, row) = ((block * BLOCK + index) / rows, (block * BLOCK + index) % rows);
            let of = (row * heads + head) * width;
            *product = left[of..][..width].iter().zip(&right[of..][..width]).map(|(left, right)| left * right).sum();
        }
    });
    Ok(())
}
