//! Attention's probabilities on the host.

use super::AttentionProbabilities;
use crate::kernels::attention::host::{Features, Rows, Sight, Unit, blocks, validity_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Disjoint, Threads, softmax, vectorised};
use crate::tensor::Result;

struct Inputs<'a> {
    call: &'a AttentionProbabilities,
    packed: [&'a [f32]; 2],
    validity: Option<&'a [u32]>,
    output: Disjoint<'a>,
}

pub(super) fn attention_probabilities(
    call: &AttentionProbabilities,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let inputs = Inputs {
        call,
        packed: [arguments.floats(0)?, arguments.floats(1)?],
        validity: call.part.mask.validity.then(|| arguments.words(2)).transpose()?,
        output: Disjoint::new(arguments.output(0)?),
    };
    let blocks = blocks(std::slice::from_ref(&call.part), |_| call.queries.clone());
    threads.run(blocks.len(), |block| blocks[block].iter().for_each(|unit| inputs.unit(unit, threads)));
    Ok(())
}

impl Inputs<'_> {
    fn unit(&self, unit: &Unit, threads: &Threads) {
        let AttentionProbabilities { qkv, part, .. } = self.call;
        let [queries, keys] = [0, 1].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let tokens = part.sequences.tokens;
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let mut memory = threads.scratch(tokens * qkv.width + Rows::elements(qkv.width, tokens));
        let (of_keys, of_scores) = memory.split_at_mut(tokens * qkv.width);
        let keys = keys.gathered(sight.order.as_deref(), of_keys);
        for group in sight.groups_of(&unit.queries) {
            let of_group: Vec<_> = group.queries.collect();
            if group.keys == 0 {
                let share = if part.mask.empty_row == EmptyRow::Uniform { 1.0 / tokens as f32 } else { 0.0 };
                of_group.iter().for_each(|token| self.output(unit, *token).fill(share));
                continue;
            }
            for batch in of_group.chunks(Rows::MOST) {
                let rows = Rows { queries, tokens: batch, keys, count: group.keys };
                for (scores, token) in rows.scores(of_scores).chunks_exact_mut(group.keys).zip(batch) {
                    vectorised(
                        #[inline(always)]
                        || softmax(scores),
                    );
                    place(scores, sight.order.as_deref(), self.output(unit, *token));
                }
            }
        }
    }

    /// The probabilities of a query of a unit.
    #[allow(clippy::mut_from_ref)]
    fn output(&self, unit: &Unit, token: usize) -> &mut [f32] {
        let [_, heads, queries, keys] = self.call.shape();
        let sequence = unit.outer * self.call.part.sequences.inner + unit.inner;
        let head = sequence * heads + unit.head - self.call.part.heads.start;
        let start = (head * queries + token - self.call.queries.start) * keys;
        // SAFETY: units differ in head, sequence or queries, and each writes the rows of its own.
        #[allow(unsafe_code)]
        unsafe {
            self.output.part(start..start + keys)
        }
    }
}

/// Probabilities of the keys that are seen at the places of their tokens; 0 elsewhere.
fn place(probabilities: &[f32], order: Option<&[usize]>, output: &mut [f32]) {
    let Some(order) = order else {
        output.copy_from_slice(probabilities);
        return;
    };
    output.fill(0.0);
    for (probability, token) in probabilities.iter().zip(order) {
        output[*token] = *probability;
    }
}
