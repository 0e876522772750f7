//! How records are put together: what every one has, then what only some have.

use super::record::{EvaluationRecord, HeadEvaluation, RunEnding, RunHeader, StepRecord, TrainedHead, now};

impl RunHeader {
    /// A run that trains `model` on `device` after `recipe`, from now on.
    pub fn new(model: impl Into<String>, device: impl Into<String>, recipe: impl Into<String>) -> Self {
        let (model, device, recipe) = (model.into(), device.into(), recipe.into());
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), model, device, recipe, time: now(), ..Self::default() }
    }

    /// How many steps and epochs the whole run has.
    #[must_use]
    pub fn length(self, steps: u64, epochs: u64) -> Self {
        Self { steps, epochs, ..self }
    }

    /// What all random numbers come from.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The commit of the program.
    #[must_use]
    pub fn commit(self, commit: impl Into<Option<String>>) -> Self {
        Self { commit: commit.into(), ..self }
    }

    /// The heads and their classes.
    #[must_use]
    pub fn heads(self, heads: Vec<TrainedHead>) -> Self {
        Self { heads, ..self }
    }
}

impl TrainedHead {
    /// A head, whose name is empty where it is the only one, and the names of its classes by their indices.
    pub fn new(head: impl Into<String>, classes: Vec<String>) -> Self {
        Self { head: head.into(), classes }
    }
}

impl StepRecord {
    /// The step and the epoch, both counted from 1, the loss, and the learning rate; finished now.
    pub fn new(step: u64, epoch: u64, loss: f32, rate: f64) -> Self {
        Self { step, epoch, loss, rate, time: now(), ..Self::default() }
    }

    /// The share of clips that were recognised; `None` where labels are not hard.
    #[must_use]
    pub fn accuracy(self, accuracy: impl Into<Option<f32>>) -> Self {
        Self { accuracy: accuracy.into(), ..self }
    }

    /// The global norm of all gradients before clipping.
    #[must_use]
    pub fn gradient_norm(self, norm: impl Into<Option<f32>>) -> Self {
        Self { gradient_norm: norm.into(), ..self }
    }

    /// How long it waited for `clips` clips and computed on them, in seconds; their rate follows.
    #[must_use]
    pub fn seconds(self, clips: usize, data_seconds: f64, compute_seconds: f64) -> Self {
        let seconds = data_seconds + compute_seconds;
        let clips_per_second = if seconds > 0.0 { clips as f64 / seconds } else { 0.0 };
        Self { clips_per_second, data_seconds, compute_seconds, ..self }
    }
}

impl EvaluationRecord {
    /// After a step and an epoch, over `clips` clips, of which the loss is the mean; finished now.
    pub fn new(step: u64, epoch: u64, clips: u64, loss: f32) -> Self {
        Self { step, epoch, clips, loss, time: now(), ..Self::default() }
    }

    /// What it says of each head, in the order of [`RunHeader::heads`].
    #[must_use]
    pub fn heads(self, heads: Vec<HeadEvaluation>) -> Self {
        Self { heads, ..self }
    }

    /// The mean average precision, of videos with any number of labels.
    #[must_use]
    pub fn mean_average_precision(self, mean: impl Into<Option<f64>>) -> Self {
        Self { mean_average_precision: mean.into(), ..self }
    }
}

impl HeadEvaluation {
    /// By how many clips of a label were taken for a class: label, class, clips. Top-1 follows.
    pub fn new(counts: Vec<[u64; 3]>) -> Self {
        let clips: u64 = counts.iter().map(|[_, _, clips]| clips).sum();
        let right: u64 = counts.iter().filter(|[label, class, _]| label == class).map(|[_, _, clips]| clips).sum();
        Self { top_1: right as f64 / clips.max(1) as f64, top_5: None, counts }
    }

    /// The share of clips whose label is among the five most probable classes.
    #[must_use]
    pub fn top_5(self, share: impl Into<Option<f64>>) -> Self {
        Self { top_5: share.into(), ..self }
    }
}

impl RunEnding {
    /// All steps are done, by now.
    pub fn done(step: u64) -> Self {
        Self { step, time: now(), reason: None }
    }

    /// It stops now, before its last step, because of `reason`: a sentence without its full stop.
    pub fn stopped(step: u64, reason: impl Into<String>) -> Self {
        Self { step, time: now(), reason: Some(reason.into()) }
    }
}
