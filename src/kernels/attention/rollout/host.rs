//! Rollout on the host: every block of queries sums for itself, and the sums are added in the order of the blocks.

use super::AttentionRollout;
use crate::kernels::attention::host::{Features, Rows, Sight, Unit, blocks, validity_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Threads, exponential, vectorised};
use crate::tensor::Result;

struct Inputs<'a> {
    call: &'a AttentionRollout,
    packed: [&'a [f32]; 2],
    normaliser: &'a [f32],
    weights: &'a [f32],
    validity: Option<&'a [u32]>,
}

pub(super) fn attention_rollout(
    call: &AttentionRollout,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let AttentionRollout { part, keep, pass, .. } = call;
    let inputs = Inputs {
        call,
        packed: [arguments.floats(0)?, arguments.floats(1)?],
        normaliser: arguments.floats(2)?,
        weights: arguments.floats(3)?,
        validity: part.mask.validity.then(|| arguments.words(5)).transpose()?,
    };
    let base = arguments.optional_floats(4, keep.is_some())?;
    let units = blocks(std::slice::from_ref(part), |part| 0..part.sequences.tokens).concat();
    let tokens = part.sequences.tokens;
    let mut sums = threads.scratch(units.len() * tokens);
    threads.chunks(&mut sums, tokens, |place, sums| inputs.unit(&units[place], sums, threads));
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

impl Inputs<'_> {
    /// What the queries of a unit pass to each token of their sequence.
    fn unit(&self, unit: &Unit, sums: &mut [f32], threads: &Threads) {
        let AttentionRollout { qkv, part, .. } = self.call;
        let [queries, keys] = [0, 1].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let tokens = part.sequences.tokens;
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let mut memory = threads.scratch(tokens * (qkv.width + 1) + Rows::elements(qkv.width, tokens));
        let (of_keys, rest) = memory.split_at_mut(tokens * qkv.width);
        let (of_sums, of_scores) = rest.split_at_mut(tokens);
        let keys = keys.gathered(sight.order.as_deref(), of_keys);
        of_sums.fill(0.0);
        let mut everywhere = 0.0;
        for group in sight.groups_of(&unit.queries) {
            let weighted = group.queries.filter(|token| self.weights[unit.row(part, *token)] != 0.0);
            let (empty, counting): (Vec<_>, Vec<_>) = weighted.partition(|token| self.of_query(unit, *token)[1] == 0.0);
            if part.mask.empty_row == EmptyRow::Uniform {
                everywhere += empty.iter().map(|token| self.weights[unit.row(part, *token)]).sum::<f32>();
            }
            for batch in counting.chunks(Rows::MOST).filter(|_| group.keys > 0) {
                let rows = Rows { queries, tokens: batch, keys, count: group.keys };
                for (scores, token) in rows.scores(of_scores).chunks_exact(group.keys).zip(batch) {
                    let [highest, total] = self.of_query(unit, *token);
                    let weight = self.weights[unit.row(part, *token)] / total;
                    vectorised(
                        #[inline(always)]
                        || add(of_sums, scores, highest, weight),
                    );
                }
            }
        }
        sums.fill(everywhere / tokens as f32);
        match &sight.order {
            None => sums.iter_mut().zip(&*of_sums).for_each(|(sum, of_key)| *sum += of_key),
            Some(order) => order.iter().zip(&*of_sums).for_each(|(token, of_key)| sums[*token] += of_key),
        }
    }

    /// The highest score of a query and its total.
    fn of_query(&self, unit: &Unit, token: usize) -> [f32; 2] {
        let AttentionRollout { qkv, part, .. } = self.call;
        let plane = 2 * (unit.head - self.call.normalised.start);
        [plane, plane + 1].map(|plane| self.normaliser[plane * qkv.rows + unit.row(part, token)])
    }
}

#[inline(always)]
fn add(sums: &mut [f32], scores: &[f32], highest: f32, weight: f32) {
    for (sum, score) in sums.iter_mut().zip(scores) {
        *sum = exponential(*score - highest).mul_add(weight, *sum);
    }
}
