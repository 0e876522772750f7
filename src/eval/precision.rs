//! Average precision of classes that may apply together.

use crate::tensor::{Error, Result};

/// The area under the steps of precision over recall: Σ (Rₙ − Rₙ₋₁)·Pₙ over the distinct scores from the highest down,
/// without interpolation, as scikit-learn's `average_precision_score` has it. `None` where nothing is positive.
fn average_precision(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let positives = positive.iter().filter(|positive| **positive).count();
    if positives == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut seen, mut found, mut area) = (0, 0, 0.0);
    for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let own = tied.iter().filter(|index| positive[**index]).count();
        seen += tied.len();
        found += own;
        area += own as f64 / positives as f64 * found as f64 / seen as f64;
    }
    Some(area)
}

/// Scores and labels of videos that may show several classes.
#[derive(Clone, Debug, Default)]
pub(super) struct AveragePrecision {
    /// `[videos, K]`.
    scores: Vec<f32>,
    labels: Vec<Vec<usize>>,
}

impl AveragePrecision {
    /// Adds a video with the score of every class; an error where it has more or fewer scores than the videos before.
    pub(super) fn add(&mut self, labels: &[usize], scores: &[f32]) -> Result<()> {
        let videos = self.labels.len();
        if videos > 0 && self.scores.len() != videos * scores.len() {
            let classes = self.scores.len() / videos;
            return Err(Error::usage(format!("a video with {} scores after others with {classes}", scores.len())));
        }
        self.scores.extend_from_slice(scores);
        self.labels.push(labels.to_vec());
        Ok(())
    }

    /// The average precision of each class; `None` for a class that no video shows.
    fn of_classes(&self) -> Vec<Option<f64>> {
        let videos = self.labels.len();
        let classes = self.scores.len().checked_div(videos).unwrap_or(0);
        let of_class = |class: usize| {
            let scores: Vec<f32> = self.scores.iter().skip(class).step_by(classes).copied().collect();
            let positive: Vec<bool> = self.labels.iter().map(|labels| labels.contains(&class)).collect();
            average_precision(&scores, &positive)
        };
        (0..classes).map(of_class).collect()
    }

    /// The mean over the classes that some video shows; `None` where there is none.
    pub(super) fn mean(&self) -> Option<f64> {
        let known: Vec<f64> = self.of_classes().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worked_example() {
        // From the top: hit (1/1), miss, hit (2/3), miss: (1 + 2/3) / 2.
        let found = average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
        approx::assert_relative_eq!(found.unwrap(), 5.0 / 6.0, epsilon = 1e-12);
        // All tied: the precision of everything together.
        assert_eq!(average_precision(&[1.0; 4], &[true, false, false, false]), Some(0.25));
        assert_eq!(average_precision(&[1.0, 2.0], &[false, false]), None);
    }

    #[test]
    fn classes_that_nothing_shows_are_left_out() {
        let mut precision = AveragePrecision::default();
        assert_eq!(precision.mean(), None);
        precision.add(&[0, 1], &[0.9, 0.1, 0.5]).unwrap();
        precision.add(&[1], &[0.95, 0.2, 0.4]).unwrap();
        for other in [&[0.5; 4][..], &[0.5; 2], &[]] {
            assert!(precision.add(&[0], other).is_err());
        }
        assert_eq!(precision.of_classes(), [Some(0.5), Some(1.0), None]);
        assert_eq!(precision.mean(), Some(0.75));
    }

    /// The definition itself: every distinct score as a threshold, each time counting everything anew.
    fn by_thresholds(scores: &[f32], positive: &[bool]) -> f64 {
        let mut thresholds = scores.to_vec();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        let total = positive.iter().filter(|positive| **positive).count() as f64;
        let (mut area, mut before) = (0.0, 0.0);
        for threshold in thresholds {
            let taken: Vec<bool> =
                scores.iter().zip(positive).filter(|(score, _)| **score >= threshold).map(|(_, own)| *own).collect();
            let hits = taken.iter().filter(|own| **own).count() as f64;
            area += (hits / total - before) * hits / taken.len() as f64;
            before = hits / total;
        }
        area
    }

    proptest! {
        #[test]
        fn as_by_its_definition(rows in prop::collection::vec((-3i8..3, prop::bool::ANY), 1..40)) {
            let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            match average_precision(&scores, &positive) {
                None => prop_assert!(!positive.contains(&true)),
                Some(found) => prop_assert!((found - by_thresholds(&scores, &positive)).abs() < 1e-12),
            }
        }
    }
}
