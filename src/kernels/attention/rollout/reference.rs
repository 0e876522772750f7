//! Rollout in plain loops.

use super::AttentionRollout;
use crate::kernels::attention::forward::reference::{At, Operands, queries_of, row_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn attention_rollout(call: &AttentionRollout, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let AttentionRollout { qkv, part, normalised, keep, pass } = call;
    let operands = Operands::of(qkv, inputs, 5)?;
    let (normaliser, weights) = (input(inputs, 2)?.reals()?, input(inputs, 3)?.reals()?);
    let tokens = part.sequences.tokens;
    let mut sums = vec![0.0; qkv.rows];
    for query in queries_of(part, 0..tokens) {
        let row = row_of(part, query);
        let weight = weights[row];
        if weight == 0.0 {
            continue;
        }
        let plane = 2 * (query.head - normalised.start);
        let highest = normaliser[plane * qkv.rows + row];
        let total = normaliser[(plane + 1) * qkv.rows + row];
        for token in 0..tokens {
            let probability = match operands.score(part, query, token) {
                _ if total == 0.0 && part.mask.empty_row == EmptyRow::Uniform => 1.0 / tokens as f64,
                Some(score) if total != 0.0 => (score - highest).exp() / total,
                _ => continue,
            };
            sums[row_of(part, At { token, ..query })] += weight * probability;
        }
    }
    let share = f64::from(*pass) / part.heads.len() as f64;
    let mut output: Vec<f64> = sums.iter().map(|sum| share * sum).collect();
    if let Some(keep) = keep {
        for (value, base) in output.iter_mut().zip(input(inputs, 4)?.reals()?) {
            *value += f64::from(*keep) * *base;
        }
    }
    Ok(vec![Exact::from_reals([qkv.rows], output)?])
}
