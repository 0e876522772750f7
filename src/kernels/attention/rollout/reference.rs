//! Rollout in plain loops.

use super::AttentionRollout;
use crate::kernels::attention::forward::reference::{At, Operands, queries_of, row_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn attention_rollout(call: &AttentionRollout, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let AttentionRollout { qkv, part, keep, pass } = call;
    let operands = Operands::of(qkv, inputs, 5)?;
    let (normaliser, weights) = (input(inputs, 2)?.as_f32()?, input(inputs, 3)?.as_f32()?);
    let tokens = part.sequences.tokens;
    let mut sums = vec![0.0; qkv.rows];
    for query in queries_of(part, 0..tokens) {
        let row = row_of(part, query);
        let weight = f64::from(weights[row]);
        if weight == 0.0 {
            continue;
        }
        let plane = 2 * (query.head - part.heads.start);
        let highest = f64::from(normaliser[plane * qkv.rows + row]);
        let total = f64::from(normaliser[(plane + 1) * qkv.rows + row]);
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
        for (value, base) in output.iter_mut().zip(input(inputs, 4)?.as_f32()?) {
            *value += f64::from(*keep) * f64::from(*base);
        }
    }
    Ok(vec![Tensor::f32([qkv.rows], output.into_iter().map(|value| value as f32).collect::<Vec<_>>())?])
}
