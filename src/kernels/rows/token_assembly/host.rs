//! Token assembly on the host.

use super::TokenAssembly;
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::Result;

/// Rows of a block.
const BLOCK: usize = 64;

pub(super) fn token_assembly(call: &TokenAssembly, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (width, rows) = (call.width, call.sequence_rows());
    let tokens = arguments.floats(0)?;
    let class_token = arguments.optional_floats(1, call.class_token)?;
    let positions = arguments.optional_floats(2, call.positions)?;
    threads.chunks(arguments.output(0)?, BLOCK * width, |block, output| {
        vectorised(
            #[inline(always)]
            || {
                for (index, line) in output.chunks_exact_mut(width).enumerate() {
                    let row = block * BLOCK + index;
                    let (sequence, token) = (row / rows, row % rows);
                    line.copy_from_slice(match (class_token, token.checked_sub(call.class_tokens())) {
                        (Some(class_token), None) => class_token,
                        (_, token) => &tokens[(sequence * call.tokens + token.unwrap_or(0)) * width..][..width],
                    });
                    if let Some(positions) = positions {
                        let position = &positions[token * width..][..width];
                        line.iter_mut().zip(position).for_each(|(value, position)| *value += position);
                    }
                }
            },
        );
    });
    Ok(())
}
