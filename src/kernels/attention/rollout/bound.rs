//! The errors of attention rollout.

use super::AttentionRollout;
use crate::kernels::attention::bound::{FACTOR, Scored};
use crate::kernels::attention::forward::reference::{At, Operands, queries_of, row_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// Each query hands a token its weight times a probability, which errs by its exponential; heads · N of these are added.
pub(super) const BOUND: Bound<AttentionRollout> = Bound {
    formula: "√(Σ (weight·p)²·(δ² + (5 + ⅔·d²)·u²)), δ² = D/6·u²·Σ q²·k²/D, d = m − score, and √(H·N/9)·u of the sum",
    uncertainties,
};

/// What is added up for a token.
#[derive(Clone, Copy, Default)]
struct Handed {
    sum: f64,
    squares: f64,
    systematic: f64,
    variance: f64,
    terms: usize,
}

fn uncertainties(call: &AttentionRollout, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let AttentionRollout { qkv, part, keep, pass, .. } = call;
    let scored = Scored::of(Operands::of(qkv, inputs, 5)?);
    let (normaliser, weights) = (input(inputs, 2)?.reals()?, input(inputs, 3)?.reals()?);
    let mut handed = vec![Handed::default(); qkv.rows];
    for query in queries_of(part, 0..part.sequences.tokens) {
        let row = row_of(part, query);
        if weights[row] != 0.0 {
            let plane = 2 * (query.head - call.normalised.start);
            let [highest, total] = [plane, plane + 1].map(|plane| normaliser[plane * qkv.rows + row]);
            hand(&scored, call, query, weights[row], [highest, total], &mut handed);
        }
    }
    let output = outputs[0].reals()?;
    let base = keep.map(|keep| Ok((f64::from(keep), input(inputs, 4)?.reals()?))).transpose()?;
    let share = f64::from(*pass).abs() / part.heads.len() as f64;
    let mut uncertainty = Uncertainty::of(output.len());
    for (row, of_row) in handed.iter().enumerate() {
        let kept = base.map_or(0.0, |(keep, base)| keep * base[row]);
        let variance = of_row.variance + of_sum(of_row.terms, of_row.terms, of_row.sum, of_row.squares);
        let shared = of_rounding(share * of_row.sum) * 2.0 + of_rounding(kept) + of_rounding(output[row]);
        uncertainty.add(row, share * of_row.systematic, shared);
        // Queries that are alike err alike, which has a heavy tail, too.
        uncertainty.add_sum(row, share * share * variance);
    }
    Ok(vec![uncertainty])
}

/// Adds what a query hands to the tokens of its sequence.
fn hand(
    scored: &Scored<'_>,
    call: &AttentionRollout,
    query: At,
    weight: f64,
    [highest, total]: [f64; 2],
    handed: &mut [Handed],
) {
    let (part, tokens) = (&call.part, call.part.sequences.tokens);
    for token in 0..tokens {
        let (probability, systematic, variance) = match scored.operands.score(part, query, token) {
            _ if total == 0.0 && part.mask.empty_row == EmptyRow::Uniform => (1.0 / tokens as f64, 0.0, QUOTIENT),
            Some(score) if total != 0.0 => {
                let distance = highest - score;
                let of_score = scored.of_score(part, query, token, score);
                let exponent = exponential(distance) + of_rounding(distance);
                // The highest score is given: the factor of scores that they share does not cancel.
                ((score - highest).exp() / total, FACTOR * score.abs(), of_score + exponent + QUOTIENT)
            }
            _ => continue,
        };
        let product = weight * probability;
        let to = &mut handed[row_of(part, At { token, ..query })];
        to.terms += 1;
        if product != 0.0 {
            to.sum += product;
            to.squares += product * product;
            to.systematic += systematic * product.abs();
            to.variance += product * product * (variance + of_rounding(1.0) * 2.0);
        }
    }
}
