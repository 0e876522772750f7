//! What logits say of one video.

use super::Task;
use crate::tensor::{Error, ErrorKind, Result};

/// How many classes of each head are kept with a video: those that top-5 accuracy needs.
pub const TOP: usize = 5;

/// The most probable classes of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// Classes, the most probable first; of equal ones the lower first.
    pub indices: Vec<usize>,
    /// Their probabilities: softmax within the head, products of those for the joint distribution, sigmoid for a
    /// multi-label model.
    pub scores: Vec<f32>,
}

/// What a model says of one video.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The [`TOP`] classes of each head, then those of the joint distribution where there are several heads.
    pub tops: Vec<Top>,
    /// All logits. Files of results may leave them out where no figure needs them; then it is empty.
    pub logits: Vec<f32>,
}

impl Prediction {
    /// From the logits of a video.
    ///
    /// An error ([`Device`](ErrorKind::Device)) for logits that are not finite, of another number than the task's.
    pub fn new(task: &Task, logits: Vec<f32>) -> Result<Self> {
        if let Some(place) = logits.iter().position(|logit| !logit.is_finite()) {
            let found = logits[place];
            return Err(Error::new(
                ErrorKind::Device,
                format!("the model's output for class {place} is {found}: a damaged checkpoint or a faulty device"),
            ));
        }
        if logits.len() != task.classes() {
            return Err(Error::usage(format!("a model of {} classes gave {} logits", task.classes(), logits.len())));
        }
        let mut heads = Vec::new();
        let mut rest = logits.as_slice();
        for classes in task.splits() {
            let (own, others) = rest.split_at(classes);
            heads.push(own);
            rest = others;
        }
        let mut tops: Vec<_> = heads.iter().map(|head| top(head, task.is_multiple())).collect();
        if task.joint().is_some() {
            tops.push(joint(&heads, &tops));
        }
        Ok(Self { tops, logits })
    }
}

/// The classes of the largest `logits`.
fn top(logits: &[f32], multiple: bool) -> Top {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    order.truncate(TOP);
    let score: Box<dyn Fn(usize) -> f64> = match multiple {
        true => Box::new(|class| 1.0 / (1.0 + (-f64::from(logits[class])).exp())),
        false => {
            let largest = order.first().map_or(0.0, |class| f64::from(logits[*class]));
            let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum();
            Box::new(move |class| (f64::from(logits[class]) - largest).exp() / sum)
        }
    };
    let scores = order.iter().map(|class| score(*class) as f32).collect();
    Top { indices: order, scores }
}

/// The largest of the joint distribution. Each consists of some of its heads' largest, so only those are tried; the
/// product of softmaxes is ordered as the sum of logits.
fn joint(heads: &[&[f32]], tops: &[Top]) -> Top {
    // Class, sum of logits, product of probabilities.
    let mut candidates = vec![(0usize, 0.0f64, 1.0f64)];
    for (logits, top) in heads.iter().zip(tops) {
        let longer = |(class, sum, product): (usize, f64, f64)| {
            top.indices.iter().zip(&top.scores).map(move |(&own, &score)| {
                (class * logits.len() + own, sum + f64::from(logits[own]), product * f64::from(score))
            })
        };
        candidates = candidates.into_iter().flat_map(longer).collect();
        // Behind TOP better beginnings, a candidate stays behind them with every ending.
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        candidates.truncate(TOP);
    }
    let (indices, scores) = candidates.into_iter().map(|(class, _, product)| (class, product as f32)).unzip();
    Top { indices, scores }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Head;
    use super::*;

    fn heads(splits: &[usize]) -> Task {
        Task::Heads(splits.iter().map(|&classes| Head { name: format!("head of {classes}"), classes }).collect())
    }

    #[test]
    fn probabilities_are_softmax_in_each_head() {
        let prediction = Prediction::new(&heads(&[3, 2]), vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let [first, second, joint] = prediction.tops.as_slice() else { panic!("{prediction:?}") };
        assert_eq!((first.indices.as_slice(), second.indices.as_slice()), (&[2, 1, 0][..], &[1, 0][..]));
        approx::assert_relative_eq!(first.scores.as_slice(), [0.66524, 0.24473, 0.09003].as_slice(), epsilon = 1e-5);
        approx::assert_relative_eq!(second.scores.as_slice(), [0.73106, 0.26894].as_slice(), epsilon = 1e-5);
        // (2,1) is 2·2 + 1; (2,0) and (1,1) have equal sums, and the lower number comes first.
        assert_eq!(joint.indices, [5, 3, 4, 1, 2]);
        approx::assert_relative_eq!(joint.scores[0], 0.66524 * 0.73106, epsilon = 1e-5);
    }

    #[test]
    fn several_labels_have_a_sigmoid_each() {
        let top = Prediction::new(&Task::Multiple { classes: 3 }, vec![0.0, 2.0, -2.0]).unwrap().tops.remove(0);
        assert_eq!(top.indices, [1, 0, 2]);
        approx::assert_relative_eq!(top.scores.as_slice(), [0.880797, 0.5, 0.119203].as_slice(), epsilon = 1e-6);
    }

    #[test]
    fn what_is_no_number_is_the_devices_fault() {
        let error = Prediction::new(&Task::Single { classes: 2 }, vec![1.0, f32::NAN]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device);
        assert!(Prediction::new(&Task::Single { classes: 2 }, vec![1.0]).is_err());
    }

    proptest! {
        /// Against the whole outer product; whole numbers make ties frequent.
        #[test]
        fn the_joint_top_is_that_of_the_outer_product(
            splits in prop::collection::vec(1usize..9, 2..4),
            values in prop::collection::vec(-4i8..4, 27),
        ) {
            let task = heads(&splits);
            let logits: Vec<f32> = values.iter().map(|value| f32::from(*value)).take(task.classes()).collect();
            let prediction = Prediction::new(&task, logits.clone()).unwrap();
            let mut sums = vec![0.0f32];
            let mut from = 0;
            for classes in splits {
                sums = sums.iter().flat_map(|sum| logits[from..from + classes].iter().map(move |own| sum + own)).collect();
                from += classes;
            }
            let mut order: Vec<usize> = (0..sums.len()).collect();
            order.sort_by(|a, b| sums[*b].total_cmp(&sums[*a]));
            order.truncate(TOP);
            prop_assert_eq!(&prediction.tops.last().unwrap().indices, &order);
        }
    }
}
