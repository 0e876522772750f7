//! Pooling in plain loops.

use super::{Pool, Pooling};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn pool(call: &Pool, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Pool { sequences, tokens, width, pooling, .. } = *call;
    let values = input(inputs, 0)?.reals()?;
    let mut output = vec![0.0; sequences * width];
    for b in 0..sequences {
        let counting = counting_tokens(call, inputs, b)?;
        for c in 0..width {
            let of_token = |n: &usize| values[(b * tokens + n) * width + c];
            let sum = counting.iter().map(of_token).sum::<f64>();
            output[b * width + c] = match pooling {
                Pooling::Token => of_token(&0),
                Pooling::Mean => sum / counting.len() as f64,
                Pooling::Sum => sum,
                Pooling::Max if sum.is_nan() => f64::NAN,
                Pooling::Max => counting.iter().map(of_token).fold(f64::NEG_INFINITY, f64::max),
            };
        }
    }
    Ok(vec![Exact::from_reals([sequences, width], output)?])
}

/// The tokens of sequence `b` that belong to no temporal index or to a valid one.
pub(in crate::kernels::rows) fn counting_tokens(
    call: &Pool,
    inputs: &[Option<&Exact>],
    b: usize,
) -> Result<Vec<usize>> {
    let Some(masking) = call.masking else {
        return Ok((0..call.tokens).collect());
    };
    let validity = input(inputs, 1)?;
    let times = validity.shape().last();
    let valid = &validity.words()?[b * times..(b + 1) * times];
    let mut counting: Vec<usize> = (0..masking.class_tokens).collect();
    for (time, &word) in valid.iter().enumerate() {
        for s in 0..masking.tokens_per_time {
            if word != 0 {
                counting.push(masking.class_tokens + time * masking.tokens_per_time + s);
            }
        }
    }
    Ok(counting)
}
