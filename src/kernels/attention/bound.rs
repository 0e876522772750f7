//! The errors of scores and of the softmax over them, which all kernels of attention share.

use crate::kernels::attention::forward::reference::{At, Operands, offset_of, row_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::attention::sequences::Part;
use crate::kernels::contract::functions::exponential;
use crate::kernels::contract::{of_rounding, of_sum};

/// 1 / √D and log₂ e are rounded, and so is their product, which all scores are multiplied by: in units of u, how much a
/// score may be off with all others.
pub(super) const FACTOR: f64 = 1.5;

/// Keys after which an implementation may raise a query's peak.
const BLOCK: usize = 8;

/// Operands with what the errors of their scores take.
pub(super) struct Scored<'a> {
    pub(super) operands: Operands<'a>,
    /// Σ of the fourth powers of each head's queries and keys, `[H, R]`.
    queries: Vec<f64>,
    keys: Vec<f64>,
}

/// The softmax of one query's scores. Vectors have an entry for each key.
pub(super) struct RowErrors {
    /// The probability of a key; `None` for one that is not seen.
    pub(super) probabilities: Vec<Option<f64>>,
    /// How far a score is below the highest, m − score.
    pub(super) distances: Vec<f64>,
    /// The variance of a key's exponential as a share of it; 0 where no key is seen.
    pub(super) variances: Vec<f64>,
    /// The largest variance of a score.
    pub(super) of_scores: f64,
}

impl<'a> Scored<'a> {
    pub(super) fn of(operands: Operands<'a>) -> Self {
        let qkv = operands.qkv;
        let fourth_powers = |which: usize, values: &[f64]| -> Vec<f64> {
            let places = (0..qkv.heads).flat_map(|head| (0..qkv.rows).map(move |row| (head, row)));
            let sum =
                |(head, row)| (0..qkv.width).map(|d| values[offset_of(qkv, which, head, row, d)].powi(4)).sum::<f64>();
            places.map(sum).collect()
        };
        let (queries, keys) = (fourth_powers(0, operands.query), fourth_powers(1, operands.key));
        Self { operands, queries, keys }
    }

    /// The variance of a score q · k / √D: that of a sum of D products, and two roundings for its factor.
    pub(super) fn of_score(&self, part: &Part, at: At, token: usize, score: f64) -> f64 {
        let (rows, width) = (self.operands.qkv.rows, self.operands.qkv.width);
        let row = |token| at.head * rows + row_of(part, At { token, ..at });
        let squares = (self.queries[row(at.token)] * self.keys[row(token)]).sqrt() / width as f64;
        of_sum(width, width, score, squares) + squares / 3.0 + 2.0 * of_rounding(score)
    }

    /// The softmax of the query `at`.
    pub(super) fn row(&self, part: &Part, at: At) -> RowErrors {
        let keys = part.sequences.tokens;
        let scores: Vec<Option<f64>> = (0..keys).map(|token| self.operands.score(part, at, token)).collect();
        let highest = scores.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        if scores.iter().all(Option::is_none) {
            let same = (part.mask.empty_row == EmptyRow::Uniform).then(|| 1.0 / keys as f64);
            let none = vec![0.0; keys];
            return RowErrors {
                probabilities: vec![same; keys],
                distances: none.clone(),
                variances: none,
                of_scores: 0.0,
            };
        }
        let total: f64 = scores.iter().flatten().map(|score| (score - highest).exp()).sum();
        // A weight fades whenever a block of keys has a higher score: as many times as a random order has records.
        let raises = 4.0 * (1.0 + keys as f64 / BLOCK as f64).ln();
        let mut row = RowErrors {
            probabilities: Vec::with_capacity(keys),
            distances: Vec::with_capacity(keys),
            variances: Vec::with_capacity(keys),
            of_scores: 0.0,
        };
        for (token, score) in scores.into_iter().enumerate() {
            let distance = score.map_or(0.0, |score| highest - score);
            let of_score = score.map_or(0.0, |score| self.of_score(part, at, token, score));
            row.probabilities.push(score.map(|score| (score - highest).exp() / total));
            row.distances.push(distance);
            row.variances.push(of_score + of_rounding(distance) + exponential(distance) + raises);
            row.of_scores = row.of_scores.max(of_score);
        }
        row
    }
}

impl RowErrors {
    /// Each key that is seen and counts: its index and its probability.
    pub(super) fn seen(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let seen = self.probabilities.iter().enumerate();
        seen.filter_map(|(token, probability)| Some((token, (*probability)?)).filter(|seen| seen.1 != 0.0))
    }

    /// Σ p².
    pub(super) fn squares(&self) -> f64 {
        self.seen().map(|(_, probability)| probability * probability).sum()
    }

    /// What all exponentials together add to the variance of their sum, as a share of it, and the additions do.
    pub(super) fn of_total(&self) -> f64 {
        let keys = self.probabilities.len();
        let exponentials: f64 = self.seen().map(|(token, p)| p * p * self.variances[token]).sum();
        exponentials + of_sum(keys, keys, 1.0, self.squares())
    }

    /// Σ p · (m − score): by how much of itself the total is off where all scores are by a factor.
    pub(super) fn mean_distance(&self) -> f64 {
        self.seen().map(|(token, probability)| probability * self.distances[token]).sum()
    }
}
