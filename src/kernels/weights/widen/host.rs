//! Halves as floats on the host.

use half::f16;

use super::Widen;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

/// Floats of a chunk of work.
const CHUNK: usize = 1 << 12;

pub(super) fn widen(_: &Widen, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (halves, output) = (arguments.words(0)?, arguments.output(0)?);
    threads.chunks(output, CHUNK, |chunk, floats| {
        for (index, float) in floats.iter_mut().enumerate() {
            let element = chunk * CHUNK + index;
            *float = f16::from_bits((halves[element / 2] >> (16 * (element % 2))) as u16).to_f32();
        }
    });
    Ok(())
}
