//! The normaliser on the host.

use super::AttentionNormaliser;
use crate::kernels::attention::host::{Scores, Unit, blocks};
use crate::kernels::host::{Arguments, Disjoint, Threads, highest, vectorised, weights};
use crate::tensor::Result;

pub(super) fn attention_normaliser(
    call: &AttentionNormaliser,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let AttentionNormaliser { qkv, part, weighted } = call;
    let packed = [arguments.floats(0)?, arguments.floats(1)?];
    let weights = arguments.optional_floats(2, *weighted)?;
    let validity = part.mask.validity.then(|| arguments.words(3)).transpose()?;
    let output = Disjoint::new(arguments.output(0)?);
    let scores = Scores { qkv, part, packed, validity };
    // A query's highest score and total.
    let store = |unit: &Unit, token: usize, numbers: [f32; 2]| {
        let plane = 2 * (unit.head - part.heads.start);
        for (index, number) in numbers.into_iter().enumerate() {
            let start = (plane + index) * qkv.rows + unit.row(part, token);
            output.part(start..start + 1)[0] = number;
        }
    };
    let blocks = blocks(std::slice::from_ref(part), |part| 0..part.sequences.tokens);
    threads.run(blocks.len(), |block| {
        for unit in &blocks[block] {
            let counts = |token: usize| weights.is_none_or(|weights| weights[unit.row(part, token)] != 0.0);
            let left_out = unit.queries.clone().filter(|token| !counts(*token));
            left_out.for_each(|token| store(unit, token, [0.0; 2]));
            scores.of_unit(unit, threads, counts, |token, scores, _| {
                store(
                    unit,
                    token,
                    vectorised(
                        #[inline(always)]
                        || statistics(scores),
                    ),
                );
            });
        }
    });
    Ok(())
}

/// The highest of some scores, NaN where one is, and Σ exp(score − highest); zeros where there are none.
#[inline(always)]
fn statistics(scores: &mut [f32]) -> [f32; 2] {
    if scores.is_empty() {
        return [0.0; 2];
    }
    let peak = highest(scores);
    let total = weights(scores, peak);
    [if total.is_nan() { f32::NAN } else { peak }, total]
}
