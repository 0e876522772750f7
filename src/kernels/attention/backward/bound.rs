//! The errors of the gradients of attention.

use super::AttentionGradient;
use super::reference::pairs;
use crate::kernels::attention::bound::FACTOR;
use crate::kernels::attention::forward::reference::offset_of;
use crate::kernels::contract::functions::{QUOTIENT, exponential};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// A probability is off by δ = √(D/6)·u of √(Σ q²·k²/D) and by its exponential; dy · v by √(D/6)·u of √(Σ dy²·v²). Each term
/// dS·k, dS·q or P·dy takes part with its own, and its sum over N keys or queries adds √(N/6)·u of √(Σ terms²).
pub(super) const BOUND: Bound<AttentionGradient> = Bound {
    formula: "√(Σ dS²·x²·(δ² + (6 + ⅔·d²)·u²) + Σ P²·x²·ε²), δ² = D/6·u²·Σ q²·k²/D, ε² = D/6·u²·Σ dy²·v², d = m − score, \
              and √(N/6)·u of √(Σ dS²·x²), x = k or q; P·dy likewise",
    uncertainties,
};

/// The sum, the squares of its terms, and what the errors of the terms add to its variance and its systematic error.
#[derive(Clone, Copy, Default)]
struct Sum {
    terms: usize,
    sum: f64,
    squares: f64,
    variance: f64,
    systematic: f64,
}

impl Sum {
    fn add(&mut self, term: f64, variance: f64, systematic: f64) {
        self.terms += 1;
        self.sum += term;
        self.squares += term * term;
        self.variance += variance + of_rounding(term);
        self.systematic += systematic;
    }
}

fn uncertainties(call: &AttentionGradient, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (qkv, width) = (&call.qkv, call.qkv.width);
    let [query, key, value] = [0, 1, 2].map(|index| input(inputs, index).and_then(Exact::reals));
    let (query, key, value) = (query?, key?, value?);
    let (statistics, gradient) = (input(inputs, 4)?.reals()?, input(inputs, 6)?.reals()?);
    let scale = 1.0 / (width as f64).sqrt();
    let mut sums = vec![Sum::default(); outputs[0].shape().elements()];
    for pair in pairs(call, inputs)? {
        let [row, of_key] = pair.rows;
        let at = |which: usize, row: usize, d: usize| offset_of(qkv, which, pair.head, row, d);
        let of_output = |d: usize| gradient[row * call.columns() + pair.head * width + d];
        let square = |of: &dyn Fn(usize) -> f64| (0..width).map(|d| of(d).powi(2)).sum::<f64>();
        // Of the probability, as a share of it.
        let (mut relative, mut off) = (of_rounding(1.0), 0.0);
        if let Some(score) = pair.score {
            let squares = square(&|d| query[at(0, row, d)] * key[at(1, of_key, d)]) / width as f64;
            let of_score = of_sum(width, width, score, squares) + squares / 3.0 + 2.0 * of_rounding(score);
            let distance = score - statistics[2 * pair.head * qkv.rows + row];
            relative += of_score + of_rounding(distance) + exponential(distance) + QUOTIENT;
            off = FACTOR * score.abs();
        }
        let squares = square(&|d| of_output(d) * value[at(2, of_key, d)]);
        let of_product = of_sum(width, width, pair.of_probability, squares) + squares / 3.0;
        let (p, ds) = (pair.probability, pair.of_score);
        let difference = if p == 0.0 { 0.0 } else { ds / p };
        let of_score = ds * ds * (relative + of_rounding(1.0)) + p * p * (of_product + of_rounding(difference));
        for d in 0..width {
            let mut add = |to: usize, by: f64| {
                sums[to].add(ds * by, (of_score + ds * ds) * by * by, (off + 1.0) * (ds * by).abs());
            };
            add(at(0, row, d), key[at(1, of_key, d)] * scale);
            add(at(1, of_key, d), query[at(0, row, d)] * scale);
            let by = of_output(d);
            sums[at(2, of_key, d)].add(p * by, p * p * relative * by * by, off * (p * by).abs());
        }
    }
    let mut uncertainty = Uncertainty::of(sums.len());
    for (index, sum) in sums.iter().enumerate() {
        uncertainty.add(index, sum.systematic, sum.variance);
        uncertainty.add_sum(index, of_sum(sum.terms, sum.terms, sum.sum, sum.squares));
    }
    Ok(vec![uncertainty])
}
