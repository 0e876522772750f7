//! The median of noisy samples that depend on each other, and how far it can be trusted.
//!
//! The variance of a median's logarithm is read off the distance of two ranks around it (R. M. Price and D. G. Bonett,
//! "Distribution-free confidence intervals for difference and ratio of medians", Journal of Statistical Computation and
//! Simulation 72, 2002): it supposes no distribution, and holds for few samples. Samples that depend on those before
//! them tell less than their number says: the variance grows with how many of them stand for one.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

/// The logarithm of a median.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LogMedian {
    pub(super) value: f64,
    /// Of `value`, were the samples taken anew.
    pub(super) variance: f64,
    pub(super) samples: usize,
    /// Half the logarithm of the 80 % quantile over the 20 % quantile: how far a sample usually lies from the median.
    pub(super) spread: f64,
}

/// Fewer samples say nothing about how far they scatter.
pub(super) const FEWEST: usize = 3;

/// A variance that is read off two ranks is no better known than from so many samples, however many there are.
const MOST_FREEDOM: usize = 10;

impl LogMedian {
    /// Of `samples` in the order in which they were taken; `None` where there are fewer than [`FEWEST`], or where one is
    /// no time.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        if samples.len() < FEWEST || !samples.iter().copied().all(super::series::is_positive) {
            return None;
        }
        let logarithms: Vec<f64> = samples.iter().map(|sample| sample.ln()).collect();
        let sorted = sorted(&logarithms);
        let variance = variance_of_median(&sorted)? * dependence(&logarithms);
        let spread = (quantile(&sorted, 0.8)? - quantile(&sorted, 0.2)?) / 2.0;
        Some(Self { value: quantile(&sorted, 0.5)?, variance, samples: samples.len(), spread })
    }

    /// Half the width of an interval that holds the difference of both logarithms with `confidence`.
    pub(super) fn half_interval(&self, other: &Self, confidence: f64) -> Option<f64> {
        // Student's distribution, for few samples know their own scatter badly.
        let freedom = (self.samples + other.samples - 2).min(MOST_FREEDOM) as f64;
        let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
        Some(-student.inverse_cdf((1.0 - confidence) / 2.0) * (self.variance + other.variance).sqrt())
    }
}

/// The median of `samples`; `None` of none.
pub(super) fn median(samples: &[f64]) -> Option<f64> {
    quantile(&sorted(samples), 0.5)
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Between two neighbours in proportion.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

/// By the ranks that lie about √n around the middle, and how probable it is that the true median lies beyond them.
fn variance_of_median(sorted: &[f64]) -> Option<f64> {
    let count = sorted.len();
    let rank = ((count as f64 + 1.0) / 2.0 - (count as f64).sqrt()).round().max(1.0) as usize;
    let beyond = 2.0 * Binomial::new(0.5, count as u64).ok()?.cdf(rank as u64 - 1);
    let deviations = -Normal::new(0.0, 1.0).ok()?.inverse_cdf(beyond / 2.0);
    let width = sorted.get(count - rank)? - sorted.get(rank - 1)?;
    Some((width / (2.0 * deviations)).powi(2))
}

/// By how much samples that depend on each other make the variance of their middle larger than independent ones would.
///
/// From the correlation r of neighbours, as of a process in which each sample depends on the one before (AR(1)): one of
/// τ = (1 + r) / (1 − r) samples is a new one. Of ranks, so that no outlier hides it. Few samples show too small a
/// correlation, and too small a scatter, since they all lie to the same side: r is corrected by (1 + 4 r) / n (Kendall
/// 1954), the variance by 1 / (1 − τ / n). Half of all samples are the most that one can stand for.
fn dependence(samples: &[f64]) -> f64 {
    let (ranks, count) = (ranks(samples), samples.len() as f64);
    let variance: f64 = ranks.iter().map(|rank| rank * rank).sum();
    if variance <= 0.0 {
        return 1.0;
    }
    let seen = ranks.iter().zip(&ranks[1..]).map(|(a, b)| a * b).sum::<f64>() / variance;
    let correlation = (seen + (1.0 + 4.0 * seen) / count).clamp(0.0, 1.0 - f64::EPSILON);
    let apart = ((1.0 + correlation) / (1.0 - correlation)).min(count / 2.0).max(1.0);
    apart / (1.0 - apart / count)
}

/// The rank of each sample, 0 in the middle; equal ones share theirs.
fn ranks(samples: &[f64]) -> Vec<f64> {
    let sorted = sorted(samples);
    let middle = (samples.len() as f64 - 1.0) / 2.0;
    let rank = |sample: &f64| {
        let below = sorted.partition_point(|other| other < sample);
        let up_to = sorted.partition_point(|other| other <= sample);
        (below + up_to - 1) as f64 / 2.0 - middle
    };
    samples.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::super::sample::Noise;
    use super::*;

    #[test]
    fn medians_and_quantiles_are_the_usual_ones() {
        assert_eq!(
            (median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0]), median(&[])),
            (Some(2.0), Some(2.5), None)
        );
        let sorted: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_relative_eq!(quantile(&sorted, 0.2).unwrap(), 2.0);
        assert_relative_eq!(quantile(&sorted, 0.8).unwrap(), 8.0, epsilon = 1e-12);
    }

    /// Of 20 ranks the 6th and the 15th; beyond them the median lies with probability 2 · 21,700 / 2²⁰.
    #[test]
    fn the_variance_of_a_median_is_that_of_the_paper() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        let expected = 9.0 / (2.0 * 2.0402);
        assert_relative_eq!(variance_of_median(&sorted).unwrap().sqrt(), expected, epsilon = 1e-3);
    }

    #[test]
    fn an_interval_holds_the_truth_as_often_as_it_says() {
        let mut noise = Noise::new(7);
        for count in [5, 20, 60] {
            let runs = 2000;
            let held = (0..runs).filter(|_| {
                let [a, b] = [0, 1].map(|_| LogMedian::of(&noise.samples(count, 1.0, 0.05, 0.0)).unwrap());
                (a.value - b.value).abs() <= a.half_interval(&b, 0.95).unwrap()
            });
            let share = held.count() as f64 / f64::from(runs);
            assert!((0.93..=1.0).contains(&share), "{count} samples: {share}");
        }
    }

    #[test]
    fn dependent_samples_count_for_fewer() {
        let mut noise = Noise::new(3);
        let mean = |correlation: f64, noise: &mut Noise| {
            (0..200).map(|_| dependence(&noise.samples(40, 1.0, 0.02, correlation))).sum::<f64>() / 200.0
        };
        // Of 0.8 one in nine samples is a new one.
        let (independent, dependent) = (mean(0.0, &mut noise), mean(0.8, &mut noise));
        assert!((1.0..2.0).contains(&independent) && dependent > 6.0, "{independent} {dependent}");
        assert_eq!(dependence(&[1.0; 9]), 1.0);
    }

    #[test]
    fn what_cannot_be_judged_has_no_median() {
        assert_eq!(LogMedian::of(&[1.0, 2.0]), None);
        assert_eq!(LogMedian::of(&[1.0, 2.0, 0.0]), None);
        assert_eq!(LogMedian::of(&[1.0, f64::NAN, 2.0]), None);
        assert!(LogMedian::of(&[1.0, 1.0, 1.0]).is_some_and(|median| median.variance == 0.0));
    }
}
