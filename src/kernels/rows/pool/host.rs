//! Pooling on the host.

use super::{Pool, Pooling};
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::Result;

/// Columns of a block: their running sums stay in a first-level cache.
const COLUMNS: usize = 128;
/// Tokens summed before they are added to what came before, so that long sums keep their digits.
const RUN: usize = 64;

pub(super) fn pool(call: &Pool, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (width, tokens) = (call.width, call.tokens);
    let values = arguments.floats(0)?;
    let validity = call.masking.is_some().then(|| arguments.words(1)).transpose()?;
    let counting: Vec<Vec<usize>> = (0..call.sequences).map(|sequence| call.counting(validity, sequence)).collect();
    // Rows of the output are cut alike, so that a block knows its columns.
    let blocks = width.div_ceil(COLUMNS);
    let mut lines: Vec<_> = arguments.output(0)?.chunks_mut(width).flat_map(|row| row.chunks_mut(COLUMNS)).collect();
    threads.chunks(&mut lines, 1, |index, lines| {
        let (sequence, first) = (index / blocks, index % blocks * COLUMNS);
        let values = &values[sequence * tokens * width..][..tokens * width];
        for line in lines {
            let here = line.len();
            let columns = |token: usize| &values[token * width + first..][..here];
            vectorised(
                #[inline(always)]
                || combine(call.pooling, &counting[sequence], columns, line),
            );
        }
    });
    Ok(())
}

#[inline(always)]
fn combine<'a>(pooling: Pooling, counting: &[usize], columns: impl Fn(usize) -> &'a [f32], output: &mut [f32]) {
    match pooling {
        Pooling::Token => output.copy_from_slice(columns(0)),
        Pooling::Max => {
            output.fill(f32::NEG_INFINITY);
            for token in counting {
                for (highest, value) in output.iter_mut().zip(columns(*token)) {
                    // A NaN stays: no comparison with it is true.
                    *highest = if *value > *highest || value.is_nan() { *value } else { *highest };
                }
            }
        }
        Pooling::Mean | Pooling::Sum => {
            output.fill(0.0);
            for run in counting.chunks(RUN) {
                let mut sums = [0.0f32; COLUMNS];
                for token in run {
                    sums.iter_mut().zip(columns(*token)).for_each(|(sum, value)| *sum += value);
                }
                output.iter_mut().zip(&sums).for_each(|(total, sum)| *total += sum);
            }
            if pooling == Pooling::Mean {
                let count = counting.len() as f32;
                output.iter_mut().for_each(|total| *total /= count);
            }
        }
    }
}

impl Pool {
    /// The tokens of a sequence that belong to no temporal index or to a valid one.
    pub(in crate::kernels::rows) fn counting(&self, validity: Option<&[u32]>, sequence: usize) -> Vec<usize> {
        let (Some(masking), Some(validity)) = (self.masking, validity) else {
            return (0..self.tokens).collect();
        };
        let valid = &validity[sequence * self.times()..][..self.times()];
        let times = (0..self.times()).filter(|time| valid[*time] != 0);
        let patches = times.flat_map(|time| {
            let first = masking.class_tokens + time * masking.tokens_per_time;
            first..first + masking.tokens_per_time
        });
        (0..masking.class_tokens).chain(patches).collect()
    }
}
