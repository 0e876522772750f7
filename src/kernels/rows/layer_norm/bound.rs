//! The errors of layer normalisation.

use super::LayerNorm;
use crate::kernels::contract::functions::{QUOTIENT, ROOT};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::tensor::{Exact, Result};

/// Columns that every implementation adds side by side.
pub(in crate::kernels::rows) const PARTIALS: usize = 4;

/// The mean errs by the additions of its sum and by a quotient, in units of itself or of the spread, whichever is larger:
/// a row far from zero loses digits in proportion to μ/σ. The factor 1/√(σ² + eps) errs by half the share of the sum of
/// squares, a root and two quotients.
pub(super) const BOUND: Bound<LayerNorm> = Bound {
    formula: "√(C/144·(1 + μ²/σ²) + 4/3·μ²/σ² + 4)·u of the scaled value, a row's in common, and a rounding of the output",
    uncertainties,
};

fn uncertainties(call: &LayerNorm, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (values, scale, bias) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?, input(inputs, 2)?.reals()?);
    let mut uncertainty = Uncertainty::of(values.len()).shared_by(call.width);
    let output = outputs[0].reals()?;
    for (row, (values, output)) in values.chunks(call.width).zip(output.chunks(call.width)).enumerate() {
        let statistics = Statistics::of(call.epsilon, values);
        for (column, value) in output.iter().enumerate() {
            let product = value - bias[column];
            let shifted = statistics.mean * (statistics.factor * scale[column]).powi(2);
            let variance =
                shifted + product * product * (statistics.relative + of_rounding(1.0) * 3.0) + of_rounding(*value);
            uncertainty.add(row * call.width + column, 0.0, variance);
        }
    }
    Ok(vec![uncertainty])
}

/// What is known of a row's statistics.
pub(in crate::kernels::rows) struct Statistics {
    /// 1 / √(σ² + eps).
    pub(in crate::kernels::rows) factor: f64,
    /// The variance of the mean, and of the factor as a share of it.
    pub(in crate::kernels::rows) mean: f64,
    pub(in crate::kernels::rows) relative: f64,
}

impl Statistics {
    /// Of a row of these values.
    pub(in crate::kernels::rows) fn of(epsilon: f32, values: &[f64]) -> Self {
        let (count, chain) = (values.len() as f64, values.len().div_ceil(PARTIALS));
        let mean = values.iter().sum::<f64>() / count;
        let squares = |from: f64| values.iter().map(|value| (value - from).powi(2)).sum::<f64>();
        let spread = squares(mean);
        let fourth = values.iter().map(|value| (value - mean).powi(4)).sum();
        let of_mean =
            of_sum(values.len(), chain, mean * count, squares(0.0)) / (count * count) + QUOTIENT * mean * mean;
        let variance = spread / count;
        // What the variance is off by as a share of itself, and how much of it the factor takes over.
        let own = if spread == 0.0 { 0.0 } else { of_sum(values.len(), chain, spread, fourth) / (spread * spread) };
        let taken = 0.5 * variance / (variance + f64::from(epsilon));
        Self {
            factor: 1.0 / (variance + f64::from(epsilon)).sqrt(),
            mean: of_mean,
            relative: taken * taken * (own + QUOTIENT) + ROOT + QUOTIENT,
        }
    }
}
