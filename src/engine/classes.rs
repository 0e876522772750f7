//! What a model says of a clip.

use std::ops::Range;

use crate::tensor::{Error, ErrorKind, Result};
use crate::vivit::{LabelHead, Labelling};

/// One class of a clip.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Class {
    /// Its index among the classes of its head, or of the joint distribution with the first head outermost.
    pub index: usize,
    /// Its name, or `class 7` where the checkpoint has none; in the joint distribution those of all heads.
    pub name: String,
    /// Softmax over the classes of its head, a product of those in the joint distribution; the sigmoid where classes do
    /// not exclude one another. Values of a regression have none: NaN here, null in JSON.
    pub probability: f32,
    /// The model's output; a sum of several in the joint distribution. The value itself in a regression.
    pub logit: f32,
}

impl Class {
    /// Its score for people: its probability in percent, the value itself in a regression.
    pub fn score(&self) -> String {
        match self.probability.is_nan() {
            true => self.logit.to_string(),
            false => format!("{:.1} %", 100.0 * self.probability),
        }
    }
}

/// What a model says of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    classes: Vec<Class>,
    heads: Vec<(String, Range<usize>)>,
}

/// Classes of one head of several, or of the only one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadClasses<'a> {
    name: &'a str,
    classes: &'a [Class],
}

impl Classes {
    /// From the logits of a clip. `names` are of all classes in the logits' order, where they are known.
    ///
    /// # Errors
    ///
    /// Logits that are not finite, and those that [`Labelling::validate`] refuses.
    pub fn new(logits: &[f32], labelling: &Labelling, names: Option<&[String]>) -> Result<Self> {
        if let Some(index) = logits.iter().position(|logit| !logit.is_finite()) {
            let found = logits[index];
            return Err(Error::new(
                ErrorKind::Device,
                format!("the model's output for class {index} is {found}: a damaged checkpoint or a faulty device"),
            ));
        }
        let heads = heads(labelling, logits.len())?;
        let mut classes = Vec::with_capacity(logits.len());
        for (_, range) in &heads {
            let own = &logits[range.clone()];
            for (index, (&logit, probability)) in own.iter().zip(of_head(labelling, own)).enumerate() {
                let name = names.and_then(|names| names.get(range.start + index)).cloned();
                let name = name.unwrap_or_else(|| format!("class {index}"));
                classes.push(Class { index, name, probability: probability as f32, logit });
            }
        }
        Ok(Self { classes, heads })
    }

    /// All classes, in the order of the logits.
    pub fn all(&self) -> &[Class] {
        &self.classes
    }

    /// The heads, in the order of their logits; a model without named ones has one.
    pub fn heads(&self) -> impl ExactSizeIterator<Item = HeadClasses<'_>> {
        self.heads.iter().map(|(name, range)| HeadClasses { name, classes: &self.classes[range.clone()] })
    }

    /// The head called `name`.
    pub fn head(&self, name: &str) -> Option<HeadClasses<'_>> {
        self.heads().find(|head| head.name == name)
    }

    /// The `count` most probable classes, the most probable first, of equal ones the lower first. With several heads, of
    /// their joint distribution: the probability of a noun and a verb together is the product of both.
    pub fn top(&self, count: usize) -> Vec<Class> {
        // A joint class among the best consists of some of its heads' best: behind `count` better beginnings, a
        // candidate stays behind them with every ending.
        let mut heads = self.heads();
        let mut best = heads.next().map_or(Vec::new(), |head| head.top(count));
        for head in heads {
            let own = head.top(count);
            best = best.iter().flat_map(|first| own.iter().map(|own| first.with(own, head.classes.len()))).collect();
            sort(&mut best, count);
        }
        best
    }
}

impl<'a> HeadClasses<'a> {
    /// Such as `noun`; empty for a model with a single head.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// All classes, in the head's order.
    pub fn all(&self) -> &'a [Class] {
        self.classes
    }

    /// The `count` most probable classes, the most probable first, of equal ones the lower first.
    pub fn top(&self, count: usize) -> Vec<Class> {
        let mut classes = self.classes.to_vec();
        sort(&mut classes, count);
        classes
    }
}

impl Class {
    /// This class together with one of another head, which has `classes` classes.
    fn with(&self, other: &Self, classes: usize) -> Self {
        Self {
            index: self.index * classes + other.index,
            name: format!("{}, {}", self.name, other.name),
            probability: self.probability * other.probability,
            logit: self.logit + other.logit,
        }
    }
}

fn sort(classes: &mut Vec<Class>, count: usize) {
    classes.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.index.cmp(&b.index)));
    classes.truncate(count);
}

/// The name of each head and its logits.
fn heads(labelling: &Labelling, logits: usize) -> Result<Vec<(String, Range<usize>)>> {
    labelling.validate(logits)?;
    let Labelling::Heads(heads) = labelling else { return Ok(vec![(String::new(), 0..logits)]) };
    let mut end = 0;
    let ranges = heads.iter().map(|LabelHead { name, classes }| {
        end += classes;
        (name.clone(), end - classes..end)
    });
    Ok(ranges.collect())
}

/// The probability of each class, in the order of the logits, in f64; NaN for a regression.
pub(super) fn probabilities(labelling: &Labelling, logits: &[f32]) -> Result<Vec<f64>> {
    let heads = heads(labelling, logits.len())?;
    Ok(heads.into_iter().flat_map(|(_, range)| of_head(labelling, &logits[range])).collect())
}

/// Softmax of a head's logits, or the sigmoid of each; NaN for a regression.
fn of_head(labelling: &Labelling, logits: &[f32]) -> Vec<f64> {
    let logits = logits.iter().map(|logit| f64::from(*logit));
    match labelling {
        Labelling::Multiple => return logits.map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        Labelling::Regression => return logits.map(|_| f64::NAN).collect(),
        Labelling::Single | Labelling::Heads(_) => {}
    }
    let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let powers = logits.map(|logit| (logit - largest).exp());
    let sum: f64 = powers.clone().sum();
    powers.map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_splits(splits: &[usize]) -> Labelling {
        let head = |(place, classes): (usize, &usize)| LabelHead { name: format!("head {place}"), classes: *classes };
        Labelling::Heads(splits.iter().enumerate().map(head).collect())
    }

    fn indices(classes: &[Class]) -> Vec<usize> {
        classes.iter().map(|class| class.index).collect()
    }

    fn shares(classes: &[Class]) -> Vec<f32> {
        classes.iter().map(|class| class.probability).collect()
    }

    #[test]
    fn one_head_has_a_softmax() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let classes = Classes::new(&[1.0, 3.0, 2.0], &Labelling::Single, Some(&names)).unwrap();
        assert_eq!(indices(&classes.top(2)), [1, 2]);
        assert_eq!(classes.top(1)[0].name, "b");
        let expected = [0.09003057, 0.66524096, 0.24472847];
        approx::assert_relative_eq!(shares(classes.all()).as_slice(), expected.as_slice(), epsilon = 1e-7);
        assert_eq!(classes.heads().map(|head| head.name.to_owned()).collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn several_heads_have_a_softmax_each_and_a_joint_one() {
        let classes = Classes::new(&[1.0, 2.0, 3.0, 4.0, 5.0], &of_splits(&[3, 2]), None).unwrap();
        let second = classes.head("head 1").unwrap();
        assert_eq!((indices(second.all()), indices(&second.top(1))), (vec![0, 1], vec![1]));
        approx::assert_relative_eq!(shares(second.all()).as_slice(), [0.26894143, 0.7310586].as_slice());
        let joint = classes.top(9);
        // (2,1) is 2·2 + 1; (2,0) and (1,1) have equal sums, and the lower number comes first.
        assert_eq!(indices(&joint), [5, 3, 4, 1, 2, 0]);
        assert_eq!(joint[0].name, "class 2, class 1");
        approx::assert_relative_eq!(joint[0].probability, 0.66524096 * 0.7310586);
        approx::assert_relative_eq!(shares(&joint).iter().sum::<f32>(), 1.0, epsilon = 1e-6);
    }

    #[test]
    fn classes_that_do_not_exclude_one_another_have_a_sigmoid_each() {
        let classes = Classes::new(&[0.0, 2.0, -2.0], &Labelling::Multiple, None).unwrap();
        let expected = [0.5, 0.8807971, 0.11920292];
        approx::assert_relative_eq!(shares(classes.all()).as_slice(), expected.as_slice(), epsilon = 1e-7);
    }

    #[test]
    fn values_of_a_regression_have_no_probability() {
        let classes = Classes::new(&[0.25, -3.5, 12.0], &Labelling::Regression, None).unwrap();
        assert_eq!(indices(&classes.top(3)), [2, 0, 1]);
        assert!(shares(classes.all()).iter().all(|probability| probability.is_nan()));
        assert_eq!(classes.all()[1].score(), "-3.5");
        let json = serde_json::to_value(&classes.top(1)[0]).unwrap();
        assert_eq!((json["probability"].is_null(), json["logit"].as_f64()), (true, Some(12.0)));
        assert_eq!(Classes::new(&[0.0, 2.0], &Labelling::Multiple, None).unwrap().all()[1].score(), "88.1 %");
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let error = Classes::new(&[1.0, f32::NAN], &Labelling::Single, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device);
        assert!(Classes::new(&[1.0; 4], &of_splits(&[3, 2]), None).is_err());
        // 2^63 joint classes can be numbered, 2^64 cannot.
        assert_eq!(Classes::new(&[1.0; 126], &of_splits(&[2; 63]), None).unwrap().top(1)[0].index, 0);
        let error = Classes::new(&[1.0; 128], &of_splits(&[2; 64]), None).unwrap_err().to_string();
        assert!(error.contains("joint classes"), "{error}");
    }

    proptest! {
        /// Against the whole outer product; whole numbers make ties frequent.
        #[test]
        fn the_joint_top_is_that_of_the_outer_product(
            splits in prop::collection::vec(1usize..9, 2..4),
            values in prop::collection::vec(-4i8..4, 27),
            count in 1usize..8,
        ) {
            let logits: Vec<f32> = values.iter().map(|value| f32::from(*value)).take(splits.iter().sum()).collect();
            let classes = Classes::new(&logits, &of_splits(&splits), None).unwrap();
            let mut sums = vec![0.0f32];
            let mut from = 0;
            for own in splits {
                sums = sums.iter().flat_map(|sum| logits[from..from + own].iter().map(move |own| sum + own)).collect();
                from += own;
            }
            let mut order: Vec<usize> = (0..sums.len()).collect();
            order.sort_by(|a, b| sums[*b].total_cmp(&sums[*a]));
            order.truncate(count);
            prop_assert_eq!(indices(&classes.top(count)), order);
        }
    }
}
