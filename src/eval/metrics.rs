//! Figures of a data set, as running sums over its videos.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AveragePrecision, Prediction, Row, TOP, Task, Top, VideoOutcome};
use crate::tensor::{Error, Result};
use crate::vivit::LabelHead;

/// Counts over the videos so far, and the figures they give.
#[derive(Clone, Debug)]
pub struct Metrics {
    task: Task,
    failed: usize,
    tallies: Vec<Tally>,
    precision: AveragePrecision,
    videos: usize,
}

/// How often a head was right.
#[derive(Clone, Debug)]
struct Tally {
    head: LabelHead,
    first: usize,
    among_top: usize,
    /// Of each class, the videos that show it and those of them that were recognised; empty for the joint distribution.
    classes: Vec<[usize; 2]>,
    /// The videos of each label that were taken for each class, where there are any; empty for the joint distribution.
    taken: BTreeMap<(usize, usize), u64>,
}

/// A figure with its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figure {
    /// Such as `top-1` or `noun top-5`.
    pub name: String,
    /// Between 0 and 1; `None` where nothing has been counted.
    pub value: Option<f64>,
}

/// The figures of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Videos that the figures are of.
    pub videos: usize,
    /// Videos that could not be read, and are not in the figures.
    pub failed: usize,
    /// The figures of the task, the most usual first.
    pub figures: Vec<Figure>,
}

impl Metrics {
    /// No videos yet.
    pub fn new(task: &Task) -> Self {
        let heads = if task.is_multiple() { Vec::new() } else { task.heads() };
        let tally = |head: LabelHead, classes: usize| Tally {
            head,
            first: 0,
            among_top: 0,
            classes: vec![[0; 2]; classes],
            taken: BTreeMap::new(),
        };
        let mut tallies: Vec<_> = heads.into_iter().map(|head| tally(head.clone(), head.classes)).collect();
        tallies.extend(task.joint().map(|joint| tally(joint, 0)));
        Self { task: task.clone(), failed: 0, tallies, precision: AveragePrecision::default(), videos: 0 }
    }

    /// The figures of these rows.
    pub fn of<'a>(task: &Task, rows: impl IntoIterator<Item = &'a Row>) -> Result<Self> {
        if !task.has_labels() {
            return Err(Error::usage("these results have no labels, so there are no figures of them"));
        }
        let mut metrics = Self::new(task);
        rows.into_iter().try_for_each(|row| metrics.add(row))?;
        Ok(metrics)
    }

    /// Adds a row of results; an error for labels that the task does not have, and for scores of other classes.
    pub fn add(&mut self, row: &Row) -> Result<()> {
        match &row.outcome {
            VideoOutcome::Failed(_) => self.failed += 1,
            VideoOutcome::Done(prediction) => {
                let counted = self.task.check_labels(&row.labels).and_then(|()| self.count(&row.labels, prediction));
                counted.map_err(|error| error.within(&row.path))?;
            }
        }
        Ok(())
    }

    fn count(&mut self, labels: &[usize], prediction: &Prediction) -> Result<()> {
        if self.task.is_multiple() {
            self.precision.add(labels, &prediction.logits)?;
            self.videos += 1;
            return Ok(());
        }
        self.videos += 1;
        let heads = self.task.heads();
        let joint = labels.iter().zip(heads).fold(0, |joint, (label, head)| joint * head.classes + label);
        let labels = labels.iter().copied().chain([joint]);
        for ((tally, top), label) in self.tallies.iter_mut().zip(&prediction.tops).zip(labels) {
            tally.count(label, top);
        }
        Ok(())
    }

    /// Counts failures anew, from 0.
    pub(super) fn forget_failed(&mut self) {
        self.failed = 0;
    }

    /// Videos that the figures are of.
    pub fn videos(&self) -> usize {
        self.videos
    }

    /// Videos that could not be read.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The first figure of each head, and of their joint distribution, with top-5 where a model has one head alone: what
    /// is shown while a run goes on.
    pub fn headline(&self) -> Vec<Figure> {
        let alone = self.tallies.len() == 1;
        self.figures()
            .into_iter()
            .filter(|figure| alone && figure.name == "top-5" || is_headline(&figure.name))
            .collect()
    }

    /// For each head of the task, how many videos of a label were taken for a class: label, class, videos, where there are
    /// any. A multi-label task has no heads.
    pub fn confusion(&self) -> Vec<Vec<[u64; 3]>> {
        let counts = |tally: &Tally| {
            tally.taken.iter().map(|((label, class), videos)| [*label as u64, *class as u64, *videos]).collect()
        };
        self.tallies.iter().filter(|tally| !tally.classes.is_empty()).map(counts).collect()
    }

    /// All figures so far.
    pub fn summary(&self) -> Summary {
        Summary { videos: self.videos, failed: self.failed, figures: self.figures() }
    }

    fn figures(&self) -> Vec<Figure> {
        if self.task.is_multiple() {
            return vec![Figure { name: "mAP".to_owned(), value: self.precision.mean() }];
        }
        let alone = self.tallies.len() == 1;
        let share = |count: usize| (self.videos > 0).then(|| count as f64 / self.videos as f64);
        let mut figures = Vec::new();
        for tally in &self.tallies {
            let mut push = |name: &str, value: Option<f64>| {
                let name = if alone { name.to_owned() } else { format!("{} {name}", tally.head.name) };
                figures.push(Figure { name, value });
            };
            push("top-1", share(tally.first));
            // Among five classes everything is right.
            if tally.head.classes > TOP {
                push("top-5", share(tally.among_top));
            }
            if !tally.classes.is_empty() {
                push("mean class recall", tally.mean_recall());
            }
        }
        figures
    }
}

fn is_headline(name: &str) -> bool {
    name.ends_with("top-1") || name == "mAP"
}

impl Tally {
    fn count(&mut self, label: usize, top: &Top) {
        let first = top.indices.first() == Some(&label);
        self.first += usize::from(first);
        self.among_top += usize::from(top.indices.contains(&label));
        if let Some([shown, recognised]) = self.classes.get_mut(label) {
            *shown += 1;
            *recognised += usize::from(first);
            if let Some(class) = top.indices.first() {
                *self.taken.entry((label, *class)).or_default() += 1;
            }
        }
    }

    /// The mean over the classes that some video shows.
    fn mean_recall(&self) -> Option<f64> {
        let recalls: Vec<f64> = self
            .classes
            .iter()
            .filter(|[shown, _]| *shown > 0)
            .map(|[shown, hit]| *hit as f64 / *shown as f64)
            .collect();
        (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vivit::Labelling;

    fn nouns_and_verbs(nouns: usize, verbs: usize) -> Task {
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        Task::new(Labelling::Heads(vec![head("noun", nouns), head("verb", verbs)]), nouns + verbs).unwrap()
    }

    fn row(task: &Task, labels: &[usize], logits: &[f32]) -> Row {
        let prediction = Prediction::new(task, logits.to_vec(), None).unwrap();
        Row {
            row: 0,
            path: "clip.mp4".into(),
            labels: labels.to_vec(),
            seconds: 0.5,
            outcome: VideoOutcome::Done(prediction),
        }
    }

    fn figure(metrics: &Metrics, name: &str) -> Option<f64> {
        let figures = metrics.summary().figures;
        figures.iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("{name}: {figures:?}")).value
    }

    /// Logits 1 to 5 in splits of 3 and 2: of four videos, only the one of labels (2, 1) is right.
    #[test]
    fn an_action_is_right_where_both_heads_are() {
        let task = nouns_and_verbs(3, 2);
        let logits = [1.0, 2.0, 3.0, 4.0, 5.0];
        let actions = [[1, 0], [2, 0], [1, 1], [2, 1]].map(|labels| {
            let metrics = Metrics::of(&task, [&row(&task, &labels, &logits)]).unwrap();
            ["noun top-1", "verb top-1", "action top-1"].map(|name| figure(&metrics, name).unwrap())
        });
        assert_eq!(actions, [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]);
        let names: Vec<_> = Metrics::new(&task).summary().figures.into_iter().map(|figure| figure.name).collect();
        // Three and two classes have no top-5, their six pairs do.
        assert_eq!(
            names,
            [
                "noun top-1",
                "noun mean class recall",
                "verb top-1",
                "verb mean class recall",
                "action top-1",
                "action top-5"
            ]
        );
        let headline: Vec<_> = Metrics::new(&task).headline().into_iter().map(|figure| figure.name).collect();
        assert_eq!(headline, ["noun top-1", "verb top-1", "action top-1"]);
    }

    #[test]
    fn recall_is_a_mean_over_classes_that_occur() {
        let task = Task::new(Labelling::Single, 3).unwrap();
        let first = [1.0, 0.0, 0.0];
        let rows = [row(&task, &[0], &first), row(&task, &[0], &first), row(&task, &[1], &first)];
        let metrics = Metrics::of(&task, &rows).unwrap();
        approx::assert_relative_eq!(figure(&metrics, "top-1").unwrap(), 2.0 / 3.0);
        assert_eq!(figure(&metrics, "mean class recall"), Some(0.5));
        assert_eq!(metrics.confusion(), [[[0, 0, 2], [1, 0, 1]]]);
    }

    #[test]
    fn each_head_has_its_confusions_and_the_joint_distribution_has_none() {
        let task = nouns_and_verbs(3, 2);
        let metrics = Metrics::of(&task, [&row(&task, &[0, 1], &[1.0, 2.0, 3.0, 4.0, 5.0])]).unwrap();
        assert_eq!(metrics.confusion(), [[[0, 2, 1]], [[1, 1, 1]]]);
        assert!(Metrics::new(&Task::new(Labelling::Multiple, 3).unwrap()).confusion().is_empty());
    }

    #[test]
    fn failures_are_counted_apart() {
        let task = Task::new(Labelling::Single, 7).unwrap();
        let failed = Row { outcome: VideoOutcome::Failed("cut".into()), ..row(&task, &[0], &[0.0; 7]) };
        let metrics = Metrics::of(&task, [&failed]).unwrap();
        assert_eq!((metrics.videos(), metrics.failed(), figure(&metrics, "top-1")), (0, 1, None));
        assert_eq!(metrics.headline().len(), 2);
        assert!(Metrics::new(&task).add(&row(&task, &[7], &[0.0; 7])).is_err());
        assert!(Metrics::new(&task).add(&row(&task, &[1, 2], &[0.0; 7])).is_err());
    }

    #[test]
    fn several_labels_give_a_mean_average_precision() {
        let task = Task::new(Labelling::Multiple, 3).unwrap();
        let rows = [row(&task, &[0, 1], &[0.9, 0.1, 0.5]), row(&task, &[1], &[0.95, 0.2, 0.4])];
        assert_eq!(figure(&Metrics::of(&task, &rows).unwrap(), "mAP"), Some(0.75));
    }

    proptest! {
        /// Against the definition: a label is among the top k where fewer than k logits are larger, or equal and earlier.
        #[test]
        fn as_by_their_definitions(videos in prop::collection::vec((0usize..8, 0usize..7, prop::collection::vec(-3i8..3, 15)), 1..20)) {
            let task = nouns_and_verbs(8, 7);
            let rows: Vec<_> = videos
                .iter()
                .map(|(noun, verb, logits)| {
                    row(&task, &[*noun, *verb], &logits.iter().map(|value| f32::from(*value)).collect::<Vec<_>>())
                })
                .collect();
            let metrics = Metrics::of(&task, &rows).unwrap();
            let among = |logits: &[f32], label: usize, most: usize| {
                let better = |place: usize| logits[place] > logits[label] || logits[place] == logits[label] && place < label;
                (0..logits.len()).filter(|place| better(*place)).count() < most
            };
            let share = |right: &dyn Fn(&[f32], usize, usize) -> bool| {
                let right = videos.iter().filter(|(noun, verb, logits)| {
                    let logits: Vec<f32> = logits.iter().map(|value| f32::from(*value)).collect();
                    right(&logits, *noun, *verb)
                });
                Some(right.count() as f64 / videos.len() as f64)
            };
            let action = |logits: &[f32], noun: usize, verb: usize, most: usize| {
                let sums: Vec<f32> =
                    logits[..8].iter().flat_map(|noun| logits[8..].iter().map(move |verb| noun + verb)).collect();
                among(&sums, noun * 7 + verb, most)
            };
            for most in [1, TOP] {
                prop_assert_eq!(
                    figure(&metrics, &format!("noun top-{most}")),
                    share(&|logits, noun, _| among(&logits[..8], noun, most))
                );
                prop_assert_eq!(
                    figure(&metrics, &format!("verb top-{most}")),
                    share(&|logits, _, verb| among(&logits[8..], verb, most))
                );
                prop_assert_eq!(
                    figure(&metrics, &format!("action top-{most}")),
                    share(&|logits, noun, verb| action(logits, noun, verb, most))
                );
            }
        }
    }
}
