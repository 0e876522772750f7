//! The errors of attention's probabilities.

use super::AttentionProbabilities;
use crate::kernels::attention::bound::{FACTOR, Scored};
use crate::kernels::attention::forward::reference::{Operands, queries_of};
use crate::kernels::contract::functions::QUOTIENT;
use crate::kernels::contract::{Bound, Uncertainty, of_rounding};
use crate::tensor::{Exact, Result};

/// A probability errs by its own exponential and by the total.
pub(super) const BOUND: Bound<AttentionProbabilities> = Bound {
    formula: "√((δ² + (4 + ⅔·d²)·u²)·(1 + Σ p²) + N/9·u²) of each probability p, δ² = D/6·u²·Σ q²·k²/D, d = m − score",
    uncertainties,
};

fn uncertainties(
    call: &AttentionProbabilities,
    inputs: &[Option<&Exact>],
    outputs: &[Exact],
) -> Result<Vec<Uncertainty>> {
    let AttentionProbabilities { qkv, part, queries } = call;
    let scored = Scored::of(Operands::of(qkv, inputs, 2)?);
    let keys = part.sequences.tokens;
    let mut uncertainty = Uncertainty::of(outputs[0].shape().elements()).shared_by(keys);
    for (index, query) in queries_of(part, queries.clone()).into_iter().enumerate() {
        let errors = scored.row(part, query);
        let (of_total, mean) = (errors.of_total(), errors.mean_distance());
        for (token, probability) in errors.seen() {
            let systematic = FACTOR * (errors.distances[token] - mean).abs() * probability;
            let relative = errors.variances[token] + of_total + QUOTIENT + of_rounding(1.0);
            uncertainty.add(index * keys + token, systematic, relative * probability * probability);
        }
    }
    Ok(vec![uncertainty])
}
