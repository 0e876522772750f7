//! The errors of attention.

use super::Attention;
use super::reference::{At, Operands, offset_of, queries_of, row_of};
use crate::kernels::attention::bound::{FACTOR, RowErrors, Scored};
use crate::kernels::contract::functions::QUOTIENT;
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// A weight is off by δ = √(D/6)·u of √(Σ q²·k²/D), and by what its exponential loses. That moves the output by
/// p · δ · (v − out) for each key, all independent; the sums over N keys add √(N/6)·u of √(Σ p²·v²).
pub(super) const BOUND: Bound<Attention> = Bound {
    formula: "√(Σ_j p²·(v − out)²·(δ² + (4 + ⅔·d²)·u²)), δ² = D/6·u²·Σ q²·k²/D, d = m − score, and √(N/6)·u of √(Σ p²·v²)",
    uncertainties,
};

fn uncertainties(call: &Attention, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let Attention { qkv, parts, queries, statistics } = call;
    let scored = Scored::of(Operands::of(qkv, inputs, 3)?);
    let (value, output) = (input(inputs, 2)?.reals()?, outputs[0].reals()?);
    let (width, columns, rows) = (qkv.width, qkv.heads * qkv.width, call.rows());
    let mut of_output = Uncertainty::of(rows * columns).shared_by(width);
    let mut of_numbers = Uncertainty::of(2 * qkv.heads * rows);
    for part in parts {
        for at in queries_of(part, call.queries_of(part)) {
            let errors = scored.row(part, at);
            let row = match queries {
                None => row_of(part, at),
                Some(range) => (at.outer * part.sequences.inner + at.inner) * range.len() + at.token - range.start,
            };
            for feature in 0..width {
                let value = |token| value[offset_of(qkv, 2, at.head, row_of(part, At { token, ..at }), feature)];
                let index = row * columns + at.head * width + feature;
                let [systematic, variance, of_sum] = of_feature(&errors, value, output[index]);
                of_output.add(index, systematic, variance);
                of_output.add_sum(index, of_sum);
            }
            if *statistics {
                let numbers = [0, 1].map(|index| (2 * at.head + index) * rows + row);
                add_statistics(&mut of_numbers, numbers, &errors, outputs[1].reals()?);
            }
        }
    }
    let mut uncertainties = vec![of_output];
    if *statistics {
        uncertainties.push(of_numbers);
    }
    Ok(uncertainties)
}

/// The systematic error and the variance of Σ p · value = `output`, and that of the additions.
fn of_feature(errors: &RowErrors, value: impl Fn(usize) -> f64, output: f64) -> [f64; 3] {
    let (mut systematic, mut variance, mut squares) = (0.0, 0.0, 0.0);
    let keys = errors.probabilities.len();
    for (token, probability) in errors.seen() {
        let (value, distance) = (value(token), errors.distances[token]);
        let moved = probability * (value - output);
        systematic += FACTOR * distance * moved.abs();
        variance += moved * moved * errors.variances[token];
        squares += (probability * value).powi(2);
    }
    let of_total = of_sum(keys, keys, 1.0, errors.squares());
    variance += output * output * (of_total + QUOTIENT) + of_rounding(output);
    [systematic, variance, of_sum(keys, keys, output, squares) + squares / 3.0]
}

/// Adds what is known of the highest score and the total at these two elements.
pub(in crate::kernels::attention) fn add_statistics(
    uncertainty: &mut Uncertainty,
    [highest, total]: [usize; 2],
    errors: &RowErrors,
    numbers: &[f64],
) {
    let (peak, sum) = (numbers[highest], numbers[total]);
    if sum == 0.0 {
        return;
    }
    uncertainty.add(highest, FACTOR * peak.abs(), errors.of_scores + QUOTIENT * peak * peak);
    // All exponentials refer to the highest score, whose error they share.
    let others = 1.0 - 1.0 / sum;
    let shared = errors.of_scores * others * others;
    uncertainty.add(total, FACTOR * errors.mean_distance() * sum, (errors.of_total() + shared) * sum * sum);
}
