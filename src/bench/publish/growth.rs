//! How time grows with tokens.

use serde::Serialize;

use super::super::Benchmark;
use super::series::{Series, Sized};
use crate::kernels::Precision;

/// How the time of one kind of work on one device grows with its tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Growth {
    /// Which of the [`devices`](Benchmark::devices).
    pub device: usize,
    /// What is computed: `Model 1, joint`.
    pub work: String,
    /// The floats it is computed with.
    pub precision: Precision,
    /// Different numbers of tokens that were measured.
    pub sizes: usize,
    /// The law through them, where there are at least three.
    pub law: Option<PowerLaw>,
}

/// seconds = factor · tokens ^ exponent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PowerLaw {
    /// 1 where time is proportional to tokens, 2 where it is to their square.
    pub exponent: f64,
    /// The standard error of the exponent: how far the medians lie from the line, not how far they would lie next time.
    pub standard_error: f64,
    /// Seconds of one token.
    pub factor: f64,
}

/// The fewest sizes that a law is fitted to: any two lie on one.
const FEWEST: usize = 3;

/// How time grows, for every kind of work whose rows differ in their tokens: by least squares of the logarithm of the
/// median on the logarithm of the tokens.
pub fn growths(benchmark: &Benchmark) -> Vec<Growth> {
    let devices = 0..benchmark.devices.len();
    devices.flat_map(|device| Series::of_device(benchmark, device)).map(|series| Growth::of(&series)).collect()
}

impl Growth {
    pub(super) fn of(series: &Series<'_>) -> Self {
        let (device, precision) = (series.device, series.precision);
        let points: Vec<[f64; 2]> = series.points.iter().map(logarithms).collect();
        let mut tokens: Vec<usize> = series.points.iter().map(|point| point.tokens).collect();
        tokens.dedup();
        let law = if tokens.len() < FEWEST { None } else { PowerLaw::through(&points) };
        Self { device, work: series.name.clone(), precision, sizes: tokens.len(), law }
    }

    /// The exponent and its error, or why there is none.
    pub(super) fn describe(&self) -> String {
        match &self.law {
            Some(law) => law.describe(),
            None => format!("too few sizes ({})", self.sizes),
        }
    }
}

impl PowerLaw {
    /// Through points of logarithms, of which at least three differ.
    fn through(points: &[[f64; 2]]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = |axis: usize| points.iter().map(|point| point[axis]).sum::<f64>() / count;
        let [x, y] = [mean(0), mean(1)];
        let spread: f64 = points.iter().map(|point| (point[0] - x).powi(2)).sum();
        let exponent = points.iter().map(|point| (point[0] - x) * (point[1] - y)).sum::<f64>() / spread;
        let squares: f64 = points.iter().map(|point| (point[1] - y - exponent * (point[0] - x)).powi(2)).sum();
        let standard_error = (squares / (count - 2.0) / spread).sqrt();
        exponent.is_finite().then(|| Self { exponent, standard_error, factor: (y - exponent * x).exp() })
    }

    /// Seconds of so many tokens.
    pub(super) fn seconds(&self, tokens: f64) -> f64 {
        self.factor * tokens.powf(self.exponent)
    }

    /// `1.34 ± 0.02`.
    pub(super) fn describe(&self) -> String {
        format!("{:.2} ± {:.2}", self.exponent, self.standard_error)
    }
}

fn logarithms(point: &Sized<'_>) -> [f64; 2] {
    [(point.tokens as f64).ln(), point.measurement.median.ln()]
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::super::sample;
    use super::*;

    #[test]
    fn a_power_law_is_found_exactly() {
        let points = [100.0, 200.0, 400.0, 800.0f64].map(|tokens| [tokens.ln(), (3e-6 * tokens.powf(1.5)).ln()]);
        let law = PowerLaw::through(&points).unwrap();
        assert_relative_eq!(law.exponent, 1.5, epsilon = 1e-12);
        assert_relative_eq!(law.factor, 3e-6, epsilon = 1e-12);
        assert!(law.standard_error < 1e-12);
        assert_relative_eq!(law.seconds(400.0), 3e-6 * 400f64.powf(1.5), epsilon = 1e-9);
    }

    /// Worked by hand: x = 0, 1, 2 and y = 0, 2, 3 give slope 1.5 and residuals −1/6, 1/3, −1/6.
    #[test]
    fn the_standard_error_is_that_of_least_squares() {
        let law = PowerLaw::through(&[[0.0, 0.0], [1.0, 2.0], [2.0, 3.0]]).unwrap();
        assert_relative_eq!(law.exponent, 1.5, epsilon = 1e-12);
        assert_relative_eq!(law.standard_error, (1.0f64 / 6.0 / 2.0).sqrt(), epsilon = 1e-12);
    }

    #[test]
    fn two_sizes_are_too_few() {
        let mut benchmark = sample::benchmark();
        benchmark.rows.retain(|row| match &row.work {
            crate::bench::Work::Model(model) => model.number == 2 && model.frames <= 16,
            _ => false,
        });
        let growth = &growths(&benchmark)[0];
        assert_eq!((growth.sizes, growth.law, growth.describe().as_str()), (2, None, "too few sizes (2)"));
        // The same size twice is one size.
        benchmark.rows.push(benchmark.rows[0].clone());
        assert_eq!(growths(&benchmark)[0].law, None);
    }
}
