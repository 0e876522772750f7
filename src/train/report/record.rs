//! The record of a run: what is known of it as a whole, of each step, of each evaluation and of its end.

use serde::{Deserialize, Serialize};

use super::number;
use crate::tensor::{Error, Result};

/// What is known of a run before its first step, and again each time that it is resumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunHeader {
    /// The version of this program.
    pub version: String,
    /// The recipe in full, as text.
    pub recipe: String,
    /// What is trained, and what it began from. A run that is resumed keeps what was said when it began.
    pub model: String,
    /// What computes.
    pub device: String,
    /// The commit of the program, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What all random numbers come from.
    pub seed: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
    /// The heads and their classes.
    pub heads: Vec<TrainedHead>,
    /// The step after whose checkpoint this run goes on; 0 for one from the beginning.
    #[serde(default)]
    pub resumed_after: u64,
    /// When it began, in seconds since 1970. In the file, a line of a run that is resumed says when that was.
    pub time: f64,
}

/// A head of the model and the names of its classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainedHead {
    /// Such as `noun`; empty for a model with one head.
    pub head: String,
    /// A name for each class, by its index.
    pub classes: Vec<String>,
}

/// One step: a batch, its loss, and the update that was made from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// Counted from 1.
    pub step: u64,
    /// Counted from 1.
    pub epoch: u64,
    /// When it was finished, in seconds since 1970.
    pub time: f64,
    /// The mean over the batch.
    #[serde(with = "number")]
    pub loss: f32,
    /// The share of clips whose most probable class is their label, where labels are hard: not under mixup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// The learning rate.
    pub rate: f64,
    /// The global norm of all gradients before clipping.
    #[serde(default, with = "number::optional", skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f32>,
    /// Clips of the batch by the seconds of the step.
    pub clips_per_second: f64,
    /// Seconds that were waited for the batch.
    pub data_seconds: f64,
    /// Seconds from the batch to the finished update.
    pub compute_seconds: f64,
}

/// One evaluation on data that are not trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EvaluationRecord {
    /// After which step.
    pub step: u64,
    /// After which epoch.
    pub epoch: u64,
    /// When it was finished, in seconds since 1970.
    pub time: f64,
    /// The mean over all clips.
    #[serde(with = "number")]
    pub loss: f32,
    /// How many clips.
    pub clips: u64,
    /// In the order of [`RunHeader::heads`].
    pub heads: Vec<HeadEvaluation>,
    /// Of videos with any number of labels: the mean over the classes that some video shows of their average precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_average_precision: Option<f64>,
}

/// What an evaluation says of a head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeadEvaluation {
    /// The share of clips whose most probable class is their label.
    pub top_1: f64,
    /// The share of clips whose label is among the five most probable classes; `None` for five classes or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_5: Option<f64>,
    /// How many clips of a label were taken for a class: label, class, clips, where there are any.
    pub counts: Vec<[u64; 3]>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunEnding {
    /// After which step.
    pub step: u64,
    /// In seconds since 1970.
    pub time: f64,
    /// Why it stopped before its last step, as a sentence without its full stop; `None` where it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunState<'a> {
    /// It has not ended, or nobody was left to say so.
    Running,
    /// All steps are done.
    Done,
    /// It stopped before its last step because of this.
    Stopped(&'a str),
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Entry {
    Run(RunHeader),
    Step(StepRecord),
    Evaluation(EvaluationRecord),
    End(RunEnding),
}

/// Everything that is known of a run, in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    header: RunHeader,
    steps: Vec<StepRecord>,
    evaluations: Vec<EvaluationRecord>,
    ending: Option<RunEnding>,
    /// How many of the steps were done before the run was last resumed.
    earlier: usize,
    /// When it was last begun or resumed, and when its last line since then was written, in seconds since 1970.
    stretch: [f64; 2],
    /// The seconds that it took before.
    seconds_before: f64,
}

impl EvaluationRecord {
    /// The figure by which evaluations are compared: the mean average precision, or the mean of the heads' top-1.
    pub(super) fn score(&self) -> Option<f64> {
        let top_1 = || self.heads.iter().map(|head| head.top_1).sum::<f64>() / self.heads.len() as f64;
        self.mean_average_precision.or_else(|| (!self.heads.is_empty()).then(top_1))
    }
}

impl Entry {
    /// The last step that it knows of.
    pub(super) fn step(&self) -> u64 {
        match self {
            Self::Run(header) => header.resumed_after,
            Self::Step(StepRecord { step, .. })
            | Self::Evaluation(EvaluationRecord { step, .. })
            | Self::End(RunEnding { step, .. }) => *step,
        }
    }

    /// When it came about, in seconds since 1970.
    fn time(&self) -> f64 {
        match self {
            Self::Run(RunHeader { time, .. })
            | Self::Step(StepRecord { time, .. })
            | Self::Evaluation(EvaluationRecord { time, .. })
            | Self::End(RunEnding { time, .. }) => *time,
        }
    }
}

impl RunRecord {
    pub(super) fn new(header: RunHeader) -> Self {
        let stretch = [header.time; 2];
        let (steps, evaluations) = (Vec::new(), Vec::new());
        Self { header, steps, evaluations, ending: None, earlier: 0, stretch, seconds_before: 0.0 }
    }

    /// Adds what came next. An evaluation that was made again replaces the one before. Of a run that is resumed, the model and
    /// the time stay those that it began with.
    ///
    /// An error for steps that do not ascend, for an evaluation with other heads or of classes that are none, and for
    /// going on with other heads.
    pub(super) fn add(&mut self, entry: Entry) -> Result<()> {
        let time = entry.time();
        match entry {
            Entry::Run(header) if header.heads != self.header.heads => {
                return Err(Error::usage("a run cannot go on with other classes than it began with"));
            }
            Entry::Run(header) => {
                self.seconds_before = self.seconds();
                self.stretch = [time; 2];
                (self.earlier, self.ending) = (self.steps.len(), None);
                self.header = self.resuming(header);
            }
            Entry::Step(step) => {
                if let Some(last) = self.steps.last().filter(|last| last.step >= step.step) {
                    return Err(Error::usage(format!("step {} cannot follow step {}", step.step, last.step)));
                }
                self.steps.push(step);
            }
            Entry::Evaluation(evaluation) => {
                self.check(&evaluation)?;
                self.evaluations.retain(|earlier| earlier.step < evaluation.step);
                self.evaluations.push(evaluation);
            }
            Entry::End(ending) => self.ending = Some(ending),
        }
        self.stretch[1] = time;
        Ok(())
    }

    /// What is known of this run as it goes on after `header`.
    fn resuming(&self, header: RunHeader) -> RunHeader {
        RunHeader { model: self.header.model.clone(), time: self.header.time, ..header }
    }

    fn check(&self, evaluation: &EvaluationRecord) -> Result<()> {
        let (given, heads) = (evaluation.heads.len(), self.header.heads.len());
        if given != heads {
            return Err(Error::usage(format!(
                "an evaluation of {given} heads is not one of this run, which has {heads}"
            )));
        }
        for (head, names) in evaluation.heads.iter().zip(&self.header.heads) {
            let classes = names.classes.len() as u64;
            if let Some([label, class, _]) = head.counts.iter().find(|[label, class, _]| *label.max(class) >= classes) {
                let more = label.max(class);
                return Err(Error::usage(format!("class {more} of an evaluation is none of {classes} classes")));
            }
        }
        Ok(())
    }

    /// What is known of the run as a whole.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// All steps so far, ascending.
    pub fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// All evaluations so far, ascending by their steps.
    pub fn evaluations(&self) -> &[EvaluationRecord] {
        &self.evaluations
    }

    /// How the run ended; `None` where it goes on, or was killed.
    pub fn ending(&self) -> Option<&RunEnding> {
        self.ending.as_ref()
    }

    /// What the run is doing.
    pub fn state(&self) -> RunState<'_> {
        match &self.ending {
            None => RunState::Running,
            Some(RunEnding { reason: Some(reason), .. }) => RunState::Stopped(reason),
            Some(RunEnding { reason: None, .. }) => RunState::Done,
        }
    }

    /// The last step that was done.
    pub fn last_step(&self) -> u64 {
        self.steps.last().map_or(self.header.resumed_after, |step| step.step)
    }

    /// How long the run will go on, in seconds, by the time that its steps took since it was last begun or resumed, with
    /// all that lay between them. `None` before its second step and after its end.
    pub fn seconds_left(&self) -> Option<f64> {
        let (first, last) = (self.steps.get(self.earlier)?, self.steps.last()?);
        if self.ending.is_some() || first.step == last.step {
            return None;
        }
        let a_step = (last.time - first.time) / (last.step - first.step) as f64;
        Some(a_step * self.header.steps.saturating_sub(last.step) as f64).filter(|seconds| *seconds >= 0.0)
    }

    /// How long the run has taken, in seconds: from each beginning or resumption to the last line that was written then.
    pub(super) fn seconds(&self) -> f64 {
        let [begun, last] = self.stretch;
        self.seconds_before + (last - begun).max(0.0)
    }

    /// When it was last begun or resumed, in seconds since 1970.
    pub(super) fn last_begun(&self) -> f64 {
        let [begun, _] = self.stretch;
        begun
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
