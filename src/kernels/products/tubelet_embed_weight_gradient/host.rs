//! The gradient of the tubelet embedding's weight on the host: some tubelets at a time are gathered from the clip into
//! cache and multiplied at once.

use super::TubeletEmbedWeightGradient;
use crate::kernels::host::{Arguments, Factor, Threads, multiply};
use crate::tensor::Result;

/// Columns of the gradient, rows of the output, in a block.
const BLOCK: usize = 48;
/// Elements of the tubelets that are gathered at a time: 1 MiB.
const GATHERED: usize = 1 << 18;

pub(super) fn tubelet_embed_weight_gradient(
    call: &TubeletEmbedWeightGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let embedding = &call.embedding;
    let (tokens, inner, columns) = (embedding.tokens(), embedding.inner(), embedding.outputs);
    let (gradient, clip) = (arguments.floats(0)?, arguments.floats(1)?);
    let strip = (GATHERED / inner).clamp(1, tokens);
    threads.chunks(arguments.output(0)?, BLOCK * inner, |index, output| {
        let block = output.len() / inner;
        let mut tubelets = threads.scratch(strip * inner);
        for first in (0..tokens).step_by(strip) {
            let count = strip.min(tokens - first);
            for (token, tubelet) in (first..first + count).zip(tubelets.chunks_exact_mut(inner)) {
                embedding.gather(clip, token, tubelet);
            }
            let left = Factor::columns(&gradient[first * columns + index * BLOCK..], columns);
            multiply(output, inner, [block, count, inner], left, Factor::rows(&tubelets, inner), first > 0);
        }
    });
    Ok(())
}
