//! The normaliser on the host.

use super::AttentionNormaliser;
use crate::kernels::attention::host::{Features, Rows, Sight, Unit, blocks, validity_of};
use crate::kernels::host::{Arguments, Disjoint, Threads, highest, vectorised, weights};
use crate::tensor::Result;

struct Inputs<'a> {
    call: &'a AttentionNormaliser,
    packed: [&'a [f32]; 2],
    weights: Option<&'a [f32]>,
    validity: Option<&'a [u32]>,
    output: Disjoint<'a>,
}

pub(super) fn attention_normaliser(
    call: &AttentionNormaliser,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let inputs = Inputs {
        call,
        packed: [arguments.floats(0)?, arguments.floats(1)?],
        weights: arguments.optional_floats(2, call.weighted)?,
        validity: call.part.mask.validity.then(|| arguments.words(3)).transpose()?,
        output: Disjoint::new(arguments.output(0)?),
    };
    let blocks = blocks(std::slice::from_ref(&call.part), |part| 0..part.sequences.tokens);
    threads.run(blocks.len(), |block| blocks[block].iter().for_each(|unit| inputs.unit(unit, threads)));
    Ok(())
}

impl Inputs<'_> {
    fn unit(&self, unit: &Unit, threads: &Threads) {
        let AttentionNormaliser { qkv, part, .. } = self.call;
        let [queries, keys] = [0, 1].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let tokens = part.sequences.tokens;
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let mut memory = threads.scratch(tokens * qkv.width + Rows::elements(qkv.width, tokens));
        let (of_keys, of_scores) = memory.split_at_mut(tokens * qkv.width);
        let keys = keys.gathered(sight.order.as_deref(), of_keys);
        for group in sight.groups_of(&unit.queries) {
            let counts = |token: &usize| self.weights.is_none_or(|weights| weights[unit.row(part, *token)] != 0.0);
            let (counting, others): (Vec<_>, Vec<_>) = group.queries.partition(|token| group.keys > 0 && counts(token));
            others.iter().for_each(|token| self.store(unit, *token, [0.0; 2]));
            for batch in counting.chunks(Rows::MOST) {
                let rows = Rows { queries, tokens: batch, keys, count: group.keys };
                for (scores, token) in rows.scores(of_scores).chunks_exact_mut(group.keys).zip(batch) {
                    self.store(
                        unit,
                        *token,
                        vectorised(
                            #[inline(always)]
                            || statistics(scores),
                        ),
                    );
                }
            }
        }
    }

    /// A query's highest score and total.
    fn store(&self, unit: &Unit, token: usize, numbers: [f32; 2]) {
        let AttentionNormaliser { qkv, part, .. } = self.call;
        let plane = 2 * (unit.head - part.heads.start);
        for (place, number) in numbers.into_iter().enumerate() {
            let start = (plane + place) * qkv.rows + unit.row(part, token);
            // SAFETY: units differ in head, sequence or queries, and each writes the numbers of its own.
            #[allow(unsafe_code)]
            unsafe {
                self.output.part(start..start + 1)[0] = number;
            }
        }
    }
}

/// The highest of some scores, NaN where one is, and Σ exp(score − highest).
#[inline(always)]
fn statistics(scores: &mut [f32]) -> [f32; 2] {
    let peak = highest(scores);
    let total = weights(scores, peak);
    [if total.is_nan() { f32::NAN } else { peak }, total]
}
