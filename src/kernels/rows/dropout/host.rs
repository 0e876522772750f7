//! Dropout on the host.

use super::Dropout;
use super::threefry::threefry;
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::kernels::rows::sequences::by_sequence;
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn dropout(call: &Dropout, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (input, keys) = (arguments.floats(0)?, arguments.words(1)?);
    let (length, scale, threshold) = (call.length(), call.scale(), call.threshold());
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        let first = block * BLOCK;
        output.copy_from_slice(&input[first..first + output.len()]);
        for (clip, part) in by_sequence(first..first + output.len(), length) {
            let key = [keys[2 * clip], keys[2 * clip + 1]];
            let start = (part.start - clip * length) as u32;
            let values = &mut output[part.start - first..part.end - first];
            vectorised(
                #[inline(always)]
                || {
                    for (value, element) in values.iter_mut().zip(start..) {
                        let [word, _] = threefry(key, [element, call.draw]);
                        *value = if word < threshold { 0.0 } else { *value * scale };
                    }
                },
            );
        }
    });
    Ok(())
}
