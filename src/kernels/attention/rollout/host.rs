//! Rollout on the host: every block of queries sums for itself, and the sums are added in the order of the blocks.

use super::AttentionRollout;
use crate::kernels::attention::host::{Scores, Unit, blocks};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Threads, exponential, vectorised};
use crate::tensor::Result;

pub(super) fn attention_rollout(
    call: &AttentionRollout,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let AttentionRollout { qkv, part, keep, pass, .. } = call;
    let packed = [arguments.floats(0)?, arguments.floats(1)?];
    let passed = Passed {
        call,
        normaliser: arguments.floats(2)?,
        weights: arguments.floats(3)?,
        scores: Scores { qkv, part, packed, validity: part.mask.validity.then(|| arguments.words(5)).transpose()? },
    };
    let base = arguments.optional_floats(4, keep.is_some())?;
    let units = blocks(std::slice::from_ref(part), |part| 0..part.sequences.tokens).concat();
    let tokens = part.sequences.tokens;
    let mut sums = threads.scratch(units.len() * tokens);
    threads.chunks(&mut sums, tokens, |index, sums| passed.by_unit(&units[index], sums, threads));
    let output = arguments.output(0)?;
    output.fill(0.0);
    for (unit, sums) in units.iter().zip(sums.chunks_exact(tokens)) {
        sums.iter().enumerate().for_each(|(token, sum)| output[unit.row(part, token)] += sum);
    }
    let share = pass / part.heads.len() as f32;
    output.iter_mut().for_each(|sum| *sum *= share);
    if let (Some(keep), Some(base)) = (keep, base) {
        output.iter_mut().zip(base).for_each(|(sum, base)| *sum = keep.mul_add(*base, *sum));
    }
    Ok(())
}

/// Computes how queries pass on their weights.
struct Passed<'a> {
    call: &'a AttentionRollout,
    normaliser: &'a [f32],
    weights: &'a [f32],
    scores: Scores<'a>,
}

impl Passed<'_> {
    /// What the queries of a unit pass to each token of their sequence.
    fn by_unit(&self, unit: &Unit, sums: &mut [f32], threads: &Threads) {
        let part = &self.call.part;
        let weight = |token: usize| self.weights[unit.row(part, token)];
        let (empty, counting): (Vec<_>, Vec<_>) = unit
            .queries
            .clone()
            .filter(|token| weight(*token) != 0.0)
            .partition(|token| self.of(unit, *token)[1] == 0.0);
        let everywhere = match part.mask.empty_row {
            EmptyRow::Zero => 0.0,
            EmptyRow::Uniform => empty.into_iter().map(weight).sum::<f32>() / part.sequences.tokens as f32,
        };
        sums.fill(everywhere);
        let counts = |token: usize| counting.binary_search(&token).is_ok();
        self.scores.of_unit(unit, threads, counts, |token, scores, order| {
            let [highest, total] = self.of(unit, token);
            vectorised(
                #[inline(always)]
                || scores.iter_mut().for_each(|score| *score = exponential(*score - highest) * (weight(token) / total)),
            );
            match order {
                None => sums.iter_mut().zip(scores).for_each(|(sum, passed)| *sum += *passed),
                Some(order) => order.iter().zip(scores).for_each(|(token, passed)| sums[*token] += *passed),
            }
        });
    }

    /// The highest score of a query and its total.
    fn of(&self, unit: &Unit, token: usize) -> [f32; 2] {
        let AttentionRollout { qkv, part, normalised, .. } = self.call;
        let plane = 2 * (unit.head - normalised.start);
        [plane, plane + 1].map(|plane| self.normaliser[plane * qkv.rows + unit.row(part, token)])
    }
}
