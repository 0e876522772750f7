//! The errors of the gradients of layer normalisation.

use super::LayerNormGradient;
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding, of_sum};
use crate::kernels::rows::layer_norm::bound::{PARTIALS, Statistics};
use crate::tensor::{Exact, Result};

/// What the mean μ and the factor r err by, all of a row has in common, as in layer normalisation; the means of ĝ and of ĝ·x̂
/// err as sums do.
pub(super) const BOUND: Bound<LayerNormGradient> = Bound {
    formula: "√(C/144·(1 + μ²/σ²) + 4)·u of the output and of x̂·mean(ĝ·x̂)·r, √(C/24 + 2)·u of r·rms(ĝ), a row's in common",
    uncertainties,
};

fn uncertainties(call: &LayerNormGradient, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (values, scale) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let gradient = input(inputs, 2)?.reals()?;
    let width = call.width;
    let mut of_input = Uncertainty::of(values.len()).shared_by(width);
    let mut of_scale = Uncertainty::of(values.len()).shared_by(width);
    let (output, products) = (outputs[0].reals()?, outputs[1].reals()?);
    for row in 0..call.rows {
        let of = row * width..(row + 1) * width;
        let known = Row::of(call, &values[of.clone()], scale, &gradient[of.clone()]);
        for (column, at) in of.enumerate() {
            of_input.add(at, 0.0, known.of_output(column, output[at]));
            let normal = known.of_normal(column) * gradient[at] * gradient[at];
            of_scale.add(at, 0.0, normal + 2.0 * of_rounding(products[at]));
        }
    }
    Ok(vec![of_input, of_scale])
}

/// What is known of a row.
struct Row {
    statistics: Statistics,
    /// x̂ and ĝ of each column.
    normal: Vec<f64>,
    scaled: Vec<f64>,
    /// The means of ĝ and of ĝ·x̂, and their variances.
    average: f64,
    together: f64,
    of_average: f64,
    of_together: f64,
}

impl Row {
    fn of(call: &LayerNormGradient, values: &[f64], scale: &[f64], gradient: &[f64]) -> Self {
        let statistics = Statistics::of(call.epsilon, values);
        let (count, chain) = (values.len() as f64, values.len().div_ceil(PARTIALS));
        let mean = values.iter().sum::<f64>() / count;
        let normal: Vec<f64> = values.iter().map(|value| (value - mean) * statistics.factor).collect();
        let scaled: Vec<f64> = gradient.iter().zip(scale).map(|(gradient, scale)| gradient * scale).collect();
        let products: Vec<f64> = scaled.iter().zip(&normal).map(|(scaled, normal)| scaled * normal).collect();
        let of_mean = |terms: &[f64]| {
            let (sum, squares) = (terms.iter().sum::<f64>(), terms.iter().map(|term| term * term).sum::<f64>());
            // Each term is a product of rounded numbers.
            let of_terms = 3.0 * of_rounding(1.0) * squares;
            let variance = (of_sum(terms.len(), chain, sum, squares) + of_terms) / (count * count);
            (sum / count, variance + 2.0 * (sum / count).powi(2))
        };
        let ((average, of_average), (together, of_together)) = (of_mean(&scaled), of_mean(&products));
        // Where all x̂ are off by the error of the mean, or by a factor, their mean product is, too.
        let common =
            (average * statistics.factor).powi(2) * statistics.mean + together * together * statistics.relative;
        Self { statistics, normal, scaled, average, together, of_average, of_together: of_together + common }
    }

    /// The variance of x̂.
    fn of_normal(&self, column: usize) -> f64 {
        let Statistics { factor, mean, relative } = self.statistics;
        factor * factor * mean + self.normal[column].powi(2) * (relative + 2.0 * of_rounding(1.0))
    }

    /// The variance of the gradient `output` of a column.
    fn of_output(&self, column: usize, output: f64) -> f64 {
        let (normal, scaled) = (self.normal[column], self.scaled[column]);
        let moved = normal * self.together;
        let terms = of_rounding(scaled)
            + self.of_average
            + normal * normal * self.of_together
            + self.together * self.together * self.of_normal(column)
            + of_rounding(scaled - self.average)
            + of_rounding(moved);
        let factor = self.statistics.factor;
        factor * factor * terms + output * output * (self.statistics.relative + 2.0 * of_rounding(1.0))
    }
}
