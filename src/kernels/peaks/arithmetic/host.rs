//! The chains in registers of the host.

use pulp::{Simd, WithSimd};

use super::{ADDEND, CHAINS, FACTOR, PeakArithmetic, UNROLLED};
use crate::kernels::host::{Arguments, Threads, with_vectors};
use crate::tensor::Result;

/// Elements of a block.
const BLOCK: usize = 256;

/// Chains at a time: enough to keep the units busy, and they fit 16 registers with the factor and the addend.
const ABREAST: usize = 8;

pub(super) fn peak_arithmetic(call: &PeakArithmetic, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let steps = call.steps * UNROLLED;
    threads
        .chunks(arguments.output(0)?, BLOCK, |block, sums| with_vectors(Chains { first: block * BLOCK, steps, sums }));
    Ok(())
}

/// The chains of the elements from `first` on.
struct Chains<'a> {
    first: usize,
    steps: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Chains<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (factor, addend) = (simd.splat_f32s(FACTOR), simd.splat_f32s(ADDEND));
        for (group, sums) in self.sums.chunks_mut(S::F32_LANES).enumerate() {
            let element = self.first + group * S::F32_LANES;
            let mut total = simd.splat_f32s(0.0);
            for chains in (0..CHAINS).step_by(ABREAST) {
                let mut x = [total; ABREAST];
                for (chain, x) in x.iter_mut().enumerate() {
                    let starts: [f32; 64] = std::array::from_fn(|lane| ((element + lane) % 64 + chains + chain) as f32);
                    *x = simd.partial_load_f32s(&starts[..S::F32_LANES]);
                }
                for _ in 0..self.steps {
                    x = x.map(|x| simd.mul_add_f32s(x, factor, addend));
                }
                total = x.into_iter().fold(total, |total, x| simd.add_f32s(total, x));
            }
            simd.partial_store_f32s(sums, total);
        }
    }
}
