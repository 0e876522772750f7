//! Layer normalisation on the host.

use super::LayerNorm;
use crate::kernels::host::{Arguments, Threads, sum, vectorised};
use crate::tensor::Result;

/// Elements of a block, in whole rows.
const BLOCK: usize = 1 << 15;

pub(super) fn layer_norm(call: &LayerNorm, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let LayerNorm { width, epsilon, .. } = *call;
    let (input, scale, bias) = (arguments.floats(0)?, arguments.floats(1)?, arguments.floats(2)?);
    let block = BLOCK.div_ceil(width) * width;
    threads.chunks(arguments.output(0)?, block, |index, output| {
        let input = &input[index * block..][..output.len()];
        vectorised(
            #[inline(always)]
            || {
                for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
                    normalise(input, scale, bias, epsilon, output);
                }
            },
        );
    });
    Ok(())
}

#[inline(always)]
fn normalise(input: &[f32], scale: &[f32], bias: &[f32], epsilon: f32, output: &mut [f32]) {
    let width = input.len() as f32;
    let mean = sum(input, |value| value) / width;
    let variance = sum(input, |value| (value - mean) * (value - mean)) / width;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for ((output, input), (scale, bias)) in output.iter_mut().zip(input).zip(scale.iter().zip(bias)) {
        *output = ((input - mean) * factor).mul_add(*scale, *bias);
    }
}
