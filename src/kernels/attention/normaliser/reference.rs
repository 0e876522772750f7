//! The normaliser in plain loops.

use super::AttentionNormaliser;
use crate::kernels::attention::forward::reference::{Operands, queries_of, row_of};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn attention_normaliser(call: &AttentionNormaliser, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let AttentionNormaliser { qkv, part, weighted } = call;
    let operands = Operands::of(qkv, inputs, 3)?;
    let tokens = part.sequences.tokens;
    let mut output = vec![0.0; part.heads.len() * 2 * qkv.rows];
    for query in queries_of(part, 0..tokens) {
        let row = row_of(part, query);
        if *weighted && input(inputs, 2)?.reals()?[row] == 0.0 {
            continue;
        }
        let scores: Vec<f64> = (0..tokens).filter_map(|token| operands.score(part, query, token)).collect();
        let mut highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if scores.is_empty() {
            highest = 0.0;
        } else if scores.iter().any(|score| score.is_nan()) {
            highest = f64::NAN;
        }
        let total: f64 = scores.iter().map(|score| (score - highest).exp()).sum();
        let plane = 2 * (query.head - part.heads.start);
        output[plane * qkv.rows + row] = highest;
        output[(plane + 1) * qkv.rows + row] = total;
    }
    Ok(vec![Exact::of_reals([part.heads.len(), 2, qkv.rows], output)?])
}
