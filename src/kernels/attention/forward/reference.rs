//! Attention and its probabilities in plain loops.

use std::ops::Range;

use crate::kernels::attention::forward::Attention;
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::attention::qkv::{Qkv, QkvLayout};
use crate::kernels::attention::sequences::Part;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

/// The operands of attention on the host.
pub(in crate::kernels) struct Operands<'a> {
    pub(in crate::kernels) qkv: &'a Qkv,
    pub(in crate::kernels) query: &'a [f64],
    pub(in crate::kernels) key: &'a [f64],
    /// `[B, T]`.
    pub(in crate::kernels) validity: Option<&'a [u32]>,
}

/// A token as a query or key: clip, sequence of the clip, head, token of the sequence.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct At {
    pub(in crate::kernels) outer: usize,
    pub(in crate::kernels) inner: usize,
    pub(in crate::kernels) head: usize,
    pub(in crate::kernels) token: usize,
}

pub(super) fn attention(call: &Attention, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Attention { qkv, parts, queries, statistics } = call;
    let operands = Operands::of(qkv, inputs, 3)?;
    let value = input(inputs, 2)?.reals()?;
    let (width, columns) = (qkv.width, qkv.heads * qkv.width);
    let rows = call.rows();
    let mut output = vec![0.0; rows * columns];
    let mut numbers = vec![0.0; 2 * qkv.heads * rows];
    for part in parts {
        for at in queries_of(part, queries.clone().unwrap_or(0..part.sequences.tokens)) {
            let probabilities = operands.probabilities(part, at);
            let row = match queries {
                None => row_of(part, at),
                Some(range) => (at.outer * part.sequences.inner + at.inner) * range.len() + at.token - range.start,
            };
            for (index, number) in operands.statistics(part, at).into_iter().enumerate() {
                numbers[(2 * at.head + index) * rows + row] = number;
            }
            for feature in 0..width {
                let mut sum = 0.0;
                for (token, probability) in probabilities.iter().enumerate() {
                    if let Some(probability) = probability {
                        let offset = offset_of(qkv, 2, at.head, row_of(part, At { token, ..at }), feature);
                        sum += probability * value[offset];
                    }
                }
                output[row * columns + at.head * width + feature] = sum;
            }
        }
    }
    let mut outputs = vec![Exact::from_reals([rows, columns], output)?];
    if *statistics {
        outputs.push(Exact::from_reals([qkv.heads, 2, rows], numbers)?);
    }
    Ok(outputs)
}

/// Every query of a part whose token is in `tokens`: sequence by sequence, head by head.
pub(in crate::kernels) fn queries_of(part: &Part, tokens: Range<usize>) -> Vec<At> {
    let mut queries = Vec::new();
    for outer in 0..part.sequences.outer {
        for inner in 0..part.sequences.inner {
            for head in part.heads.clone() {
                for token in tokens.clone() {
                    queries.push(At { outer, inner, head, token });
                }
            }
        }
    }
    queries
}

impl<'a> Operands<'a> {
    /// Query and key are the first inputs; `validity` is the index of the validity.
    pub(in crate::kernels) fn of(qkv: &'a Qkv, inputs: &[Option<&'a Exact>], validity: usize) -> Result<Self> {
        let validity = match inputs.get(validity).copied().flatten() {
            Some(tensor) => Some(tensor.words()?),
            None => None,
        };
        Ok(Self { qkv, query: input(inputs, 0)?.reals()?, key: input(inputs, 1)?.reals()?, validity })
    }

    /// The probability of each key for the query `at`; `None` for a key that it does not see.
    pub(in crate::kernels) fn probabilities(&self, part: &Part, at: At) -> Vec<Option<f64>> {
        let keys = part.sequences.tokens;
        let scores: Vec<Option<f64>> = (0..keys).map(|token| self.score(part, at, token)).collect();
        if scores.iter().all(Option::is_none) {
            return match part.mask.empty_row {
                EmptyRow::Zero => scores,
                EmptyRow::Uniform => vec![Some(1.0 / keys as f64); keys],
            };
        }
        let highest = scores.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponential = |score: f64| (score - highest).exp();
        let total: f64 = scores.iter().flatten().map(|&score| exponential(score)).sum();
        scores.into_iter().map(|score| score.map(|score| exponential(score) / total)).collect()
    }

    /// The highest score of the query `at` and Σ exp(score − highest): 0 where it sees no key, NaN where a score is.
    pub(in crate::kernels) fn statistics(&self, part: &Part, at: At) -> [f64; 2] {
        let scores: Vec<f64> = (0..part.sequences.tokens).filter_map(|token| self.score(part, at, token)).collect();
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match scores.iter().any(|score| score.is_nan()) {
            _ if scores.is_empty() => [0.0; 2],
            true => [f64::NAN; 2],
            false => [highest, scores.iter().map(|score| (score - highest).exp()).sum()],
        }
    }

    /// q · k / √D, `None` where the mask hides the key.
    pub(in crate::kernels) fn score(&self, part: &Part, at: At, token: usize) -> Option<f64> {
        if !self.sees(part, at, token) {
            return None;
        }
        let (query, key) = (row_of(part, at), row_of(part, At { token, ..at }));
        let mut product = 0.0;
        for feature in 0..self.qkv.width {
            let q = self.query[offset_of(self.qkv, 0, at.head, query, feature)];
            let k = self.key[offset_of(self.qkv, 1, at.head, key, feature)];
            product += q * k;
        }
        Some(product / (self.qkv.width as f64).sqrt())
    }

    /// Whether the query `at` sees the key `token` of its sequence: the table of spec §4.2, line by line.
    fn sees(&self, part: &Part, at: At, token: usize) -> bool {
        let mask = &part.mask;
        let time_of = |token: usize| token.checked_sub(mask.class_tokens).map(|patch| patch / mask.tokens_per_time);
        let times = (part.sequences.tokens - mask.class_tokens) / mask.tokens_per_time;
        let valid = |time: usize| match self.validity {
            Some(validity) if mask.validity => validity[at.outer * times + time] != 0,
            _ => true,
        };
        match (time_of(at.token), time_of(token)) {
            (None, None) => true,
            (None, Some(key)) => valid(key),
            (Some(_), None) => !mask.causal,
            (Some(query), Some(key)) => valid(key) && (!mask.causal || key <= query),
        }
    }
}

/// The row of a token.
pub(in crate::kernels) fn row_of(part: &Part, at: At) -> usize {
    let sequences = &part.sequences;
    at.outer * sequences.outer_stride + at.inner * sequences.inner_stride + at.token * sequences.token_stride
}

/// The offset of a feature of the queries (`which` 0), keys (1) or values (2), in elements.
pub(in crate::kernels) fn offset_of(qkv: &Qkv, which: usize, head: usize, row: usize, feature: usize) -> usize {
    let Qkv { rows, heads, width, layout } = *qkv;
    match layout {
        QkvLayout::Planes => ((which * heads + head) * rows + row) * width + feature,
        QkvLayout::Rows => ((row * 3 + which) * heads + head) * width + feature,
    }
}
