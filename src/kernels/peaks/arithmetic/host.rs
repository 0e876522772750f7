//! The chains in registers of the host.

use super::{ADDEND, CHAINS, FACTOR, PeakArithmetic, UNROLLED};
use crate::kernels::host::{Arguments, LANES, Threads, vector_registers, vectorised};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 16 * LANES;

pub(super) fn peak_arithmetic(call: &PeakArithmetic, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let steps = call.steps * UNROLLED;
    // As many chains at a time as keep the units busy, and leave registers for the factor and the addend.
    let sums = if vector_registers() >= 16 { sums::<8> } else { sums::<4> };
    threads.chunks(arguments.output(0)?, BLOCK, |block, output| {
        for (group, output) in output.chunks_mut(LANES).enumerate() {
            let values = sums(block * BLOCK + group * LANES, steps);
            output.copy_from_slice(&values[..output.len()]);
        }
    });
    Ok(())
}

/// The sums of the chains of the elements from `first` on, `ABREAST` chains at a time.
fn sums<const ABREAST: usize>(first: usize, steps: usize) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    vectorised(
        #[inline(always)]
        || {
            for chains in (0..CHAINS).step_by(ABREAST) {
                let start = |chain: usize, lane: usize| ((first + lane) % 64 + chains + chain) as f32;
                let mut x: [[f32; LANES]; ABREAST] =
                    std::array::from_fn(|chain| std::array::from_fn(|lane| start(chain, lane)));
                for _ in 0..steps {
                    x.iter_mut().flatten().for_each(|x| *x = x.mul_add(FACTOR, ADDEND));
                }
                for chain in x {
                    sums.iter_mut().zip(chain).for_each(|(sum, x)| *sum += x);
                }
            }
        },
    );
    sums
}
