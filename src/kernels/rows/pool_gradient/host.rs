//! The gradient of pooling on the host.

use super::PoolGradient;
use crate::kernels::host::{Arguments, Threads};
use crate::kernels::rows::pool::{Pool, Pooling};
use crate::tensor::Result;

/// Tokens of a block.
const BLOCK: usize = 64;

pub(super) fn pool_gradient(call: &PoolGradient, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let pool = &call.pool;
    let Pool { sequences, tokens, width, .. } = *pool;
    let is_maximum = pool.pooling == Pooling::Max;
    let values = arguments.optional_floats(0, is_maximum)?;
    let validity = pool.masking.is_some().then(|| arguments.words(1)).transpose()?;
    let highest = arguments.optional_floats(2, is_maximum)?;
    let gradient = arguments.floats(3)?;
    let of_maximum = Option::zip(values, highest);
    let counting: Vec<Vec<usize>> = (0..sequences).map(|sequence| sharing(pool, validity, sequence)).collect();
    let mut shares = threads.scratch(sequences * width);
    threads.chunks(&mut shares, width, |sequence, shares| {
        shares.copy_from_slice(&gradient[sequence * width..][..width]);
        if let Some((values, highest)) = of_maximum {
            let values = &values[sequence * tokens * width..][..tokens * width];
            divide_by_ties(shares, values, &counting[sequence], &highest[sequence * width..][..width]);
        } else if pool.pooling == Pooling::Mean {
            shares.iter_mut().for_each(|share| *share /= counting[sequence].len() as f32);
        }
    });
    let mut counts = vec![false; sequences * tokens];
    for (sequence, counting) in counting.iter().enumerate() {
        counting.iter().for_each(|token| counts[sequence * tokens + token] = true);
    }
    threads.chunks(arguments.output(0)?, BLOCK * width, |block, output| {
        for (row, line) in (block * BLOCK..).zip(output.chunks_exact_mut(width)) {
            let of = row / tokens * width..(row / tokens + 1) * width;
            match of_maximum {
                _ if !counts[row] => line.fill(0.0),
                None => line.copy_from_slice(&shares[of]),
                Some((values, highest)) => {
                    let columns = values[row * width..].iter().zip(&highest[of.clone()]).zip(&shares[of]);
                    for (to, ((value, highest), share)) in line.iter_mut().zip(columns) {
                        *to = if value == highest || highest.is_nan() { *share } else { 0.0 };
                    }
                }
            }
        }
    });
    Ok(())
}

/// The tokens of a sequence that have a share.
fn sharing(pool: &Pool, validity: Option<&[u32]>, sequence: usize) -> Vec<usize> {
    if pool.pooling == Pooling::Token { vec![0] } else { pool.counting(validity, sequence) }
}

/// Divides each share by the number of tokens that are the highest in its column; NaN where the highest is.
fn divide_by_ties(shares: &mut [f32], values: &[f32], counting: &[usize], highest: &[f32]) {
    let width = shares.len();
    for (column, (share, highest)) in shares.iter_mut().zip(highest).enumerate() {
        let ties = counting.iter().filter(|token| values[**token * width + column] == *highest).count();
        *share = if highest.is_nan() { *highest } else { *share / ties as f32 };
    }
}
