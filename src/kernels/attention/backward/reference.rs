//! The gradients of attention in plain loops.

use super::AttentionGradient;
use crate::kernels::attention::forward::reference::{At, Operands, offset_of, queries_of, row_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

/// What the backward pass adds up: a query and a key of one head with the probability P and the gradient dS of their score.
pub(super) struct Pair {
    pub(super) head: usize,
    /// Rows of the query and of the key.
    pub(super) rows: [usize; 2],
    pub(super) probability: f64,
    pub(super) of_score: f64,
    /// The score; `None` where a query that sees no key gives every key the same.
    pub(super) score: Option<f64>,
    /// dy · v.
    pub(super) of_probability: f64,
}

pub(super) fn attention_gradient(call: &AttentionGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let qkv = &call.qkv;
    let (width, columns) = (qkv.width, call.columns());
    let (query, key) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let gradient = input(inputs, 6)?.reals()?;
    let scale = 1.0 / (width as f64).sqrt();
    let mut output = vec![0.0; qkv.shape().elements()];
    for pair in pairs(call, inputs)? {
        let [row, of_key] = pair.rows;
        for d in 0..width {
            let at = |which: usize, row: usize| offset_of(qkv, which, pair.head, row, d);
            output[at(0, row)] += pair.of_score * key[at(1, of_key)] * scale;
            output[at(1, of_key)] += pair.of_score * query[at(0, row)] * scale;
            output[at(2, of_key)] += pair.probability * gradient[row * columns + pair.head * width + d];
        }
    }
    Ok(vec![Exact::from_reals(qkv.shape(), output)?])
}

/// Every query with every key that it sees.
pub(super) fn pairs(call: &AttentionGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Pair>> {
    let (qkv, rows) = (&call.qkv, call.qkv.rows);
    let operands = Operands::of(qkv, inputs, 3)?;
    let value = input(inputs, 2)?.reals()?;
    let (statistics, products) = (input(inputs, 4)?.reals()?, input(inputs, 5)?.reals()?);
    let gradient = input(inputs, 6)?.reals()?;
    let mut pairs = Vec::new();
    for part in &call.parts {
        let tokens = part.sequences.tokens;
        for at in queries_of(part, 0..tokens) {
            let row = row_of(part, at);
            let [highest, total] = [0, 1].map(|index| statistics[(2 * at.head + index) * rows + row]);
            for token in 0..tokens {
                let of_key = row_of(part, At { token, ..at });
                let mut pair = Pair {
                    head: at.head,
                    rows: [row, of_key],
                    probability: 1.0 / tokens as f64,
                    of_score: 0.0,
                    score: None,
                    of_probability: 0.0,
                };
                if total != 0.0 {
                    let Some(score) = operands.score(part, at, token) else { continue };
                    for d in 0..qkv.width {
                        let of_output = gradient[row * call.columns() + at.head * qkv.width + d];
                        pair.of_probability += of_output * value[offset_of(qkv, 2, at.head, of_key, d)];
                    }
                    pair.score = Some(score);
                    pair.probability = (score - highest).exp() / total;
                    pair.of_score = pair.probability * (pair.of_probability - products[at.head * rows + row]);
                } else if part.mask.empty_row == EmptyRow::Zero {
                    continue;
                }
                pairs.push(pair);
            }
        }
    }
    Ok(pairs)
}
