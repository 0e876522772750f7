//! Attention's probabilities on the host.

use super::AttentionProbabilities;
use crate::kernels::attention::host::{Scores, Unit, blocks};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Disjoint, Threads, softmax, vectorised};
use crate::tensor::Result;

pub(super) fn attention_probabilities(
    call: &AttentionProbabilities,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let AttentionProbabilities { qkv, part, queries } = call;
    let packed = [arguments.floats(0)?, arguments.floats(1)?];
    let validity = part.mask.validity.then(|| arguments.words(2)).transpose()?;
    let output = Disjoint::new(arguments.output(0)?);
    let scores = Scores { qkv, part, packed, validity };
    let of_query = |unit: &Unit, token: usize| {
        let [_, heads, rows, keys] = call.shape();
        let sequence = unit.outer * part.sequences.inner + unit.inner;
        let head = sequence * heads + unit.head - part.heads.start;
        let start = (head * rows + token - queries.start) * keys;
        output.part(start..start + keys)
    };
    let unseen = match part.mask.empty_row {
        EmptyRow::Zero => 0.0,
        EmptyRow::Uniform => 1.0 / part.sequences.tokens as f32,
    };
    let blocks = blocks(std::slice::from_ref(part), |_| queries.clone());
    threads.run(blocks.len(), |block| {
        for unit in &blocks[block] {
            scores.of_unit(
                unit,
                threads,
                |_| true,
                |token, scores, order| {
                    let output = of_query(unit, token);
                    if scores.is_empty() {
                        output.fill(unseen);
                        return;
                    }
                    vectorised(
                        #[inline(always)]
                        || softmax(scores),
                    );
                    scatter(scores, order, output);
                },
            );
        }
    });
    Ok(())
}

/// Writes the probability of each key that is seen at the index of its token, 0 elsewhere.
fn scatter(probabilities: &[f32], order: Option<&[usize]>, output: &mut [f32]) {
    let Some(order) = order else {
        output.copy_from_slice(probabilities);
        return;
    };
    output.fill(0.0);
    for (probability, token) in probabilities.iter().zip(order) {
        output[*token] = *probability;
    }
}
