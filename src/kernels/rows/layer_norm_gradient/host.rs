//! The gradients of layer normalisation on the host.

use super::LayerNormGradient;
use crate::kernels::host::{Arguments, Disjoint, Threads, sum, vectorised};
use crate::tensor::Result;

/// Elements of a block, in whole rows.
const BLOCK: usize = 1 << 14;

pub(super) fn layer_norm_gradient(
    call: &LayerNormGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let width = call.width;
    let (input, scale, gradient) = (arguments.floats(0)?, arguments.floats(1)?, arguments.floats(2)?);
    let output = arguments.output(0)?;
    let of_scale = Disjoint::new(arguments.output(1)?);
    let block = BLOCK.div_ceil(width) * width;
    threads.chunks(output, block, |index, output| {
        let first = index * block;
        let of_scale = of_scale.part(first..first + output.len());
        let mut scaled = threads.scratch(width);
        let rows = output.chunks_exact_mut(width).zip(of_scale.chunks_exact_mut(width)).enumerate();
        for (row, (output, of_scale)) in rows {
            let of = first + row * width..first + (row + 1) * width;
            let row = Row { input: &input[of.clone()], scale, gradient: &gradient[of], epsilon: call.epsilon };
            vectorised(
                #[inline(always)]
                || row.gradients(&mut scaled, output, of_scale),
            );
        }
    });
    Ok(())
}

/// What a row's gradients are computed from.
struct Row<'a> {
    input: &'a [f32],
    scale: &'a [f32],
    gradient: &'a [f32],
    epsilon: f32,
}

impl Row<'_> {
    /// Writes both gradients; `work` is memory for a row.
    #[inline(always)]
    fn gradients(&self, work: &mut [f32], output: &mut [f32], of_scale: &mut [f32]) {
        let width = self.input.len() as f32;
        let mean = sum(self.input, |value| value) / width;
        let variance = sum(self.input, |value| (value - mean) * (value - mean)) / width;
        let factor = 1.0 / (variance + self.epsilon).sqrt();
        // x̂ in the output, ĝ in the scale's, their products in the memory.
        for (normal, value) in output.iter_mut().zip(self.input) {
            *normal = (value - mean) * factor;
        }
        for ((scaled, gradient), scale) in of_scale.iter_mut().zip(self.gradient).zip(self.scale) {
            *scaled = gradient * scale;
        }
        for ((product, scaled), normal) in work.iter_mut().zip(&*of_scale).zip(&*output) {
            *product = scaled * normal;
        }
        let average = sum(of_scale, |scaled| scaled) / width;
        let together = sum(work, |product| product) / width;
        for ((normal, scaled), gradient) in output.iter_mut().zip(of_scale).zip(self.gradient) {
            let of_input = (-*normal).mul_add(together, *scaled - average) * factor;
            *scaled = gradient * *normal;
            *normal = of_input;
        }
    }
}
