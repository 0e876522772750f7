//! A gated sum on the host.

use super::GatedSum;
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::kernels::rows::sequences::by_sequence;
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

pub(super) fn gated_sum(call: &GatedSum, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (input, gates) = (arguments.floats(0)?, arguments.floats(2)?);
    let residual = arguments.optional_floats(1, call.residual)?;
    let gates = &gates[call.gate * call.sequences..];
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        let first = block * BLOCK;
        for (sequence, part) in by_sequence(first..first + output.len(), call.length()) {
            let output = &mut output[part.start - first..part.end - first];
            let (gate, input) = (gates[sequence], &input[part.clone()]);
            let residual = residual.map(|residual| &residual[part]);
            vectorised(
                #[inline(always)]
                || add(gate, input, residual, output),
            );
        }
    });
    Ok(())
}

#[inline(always)]
fn add(gate: f32, input: &[f32], residual: Option<&[f32]>, output: &mut [f32]) {
    let Some(residual) = residual else {
        output.iter_mut().zip(input).for_each(|(output, value)| *output = gate * value);
        return;
    };
    for ((output, value), residual) in output.iter_mut().zip(input).zip(residual) {
        *output = gate * value + residual;
    }
}
