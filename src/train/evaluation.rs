//! What a model that learns says of clips that it does not learn from.

use std::sync::Arc;
use std::time::Duration;

use super::{ClipSource, ClipStart, Recipe};
use crate::engine::{Average, Pass, Views, Vivit};
use crate::eval::{Figure, Metrics, Prediction, Row, Task, UNREADABLE, VideoOutcome, decode_ahead};
use crate::tensor::{Error, ErrorKind, LONGEST_TEXT, Result, printable};
use crate::video::{Clip, Sampling};
use crate::vivit::Labelling;

/// How clips are taken from the videos of an evaluation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidationOptions {
    /// Temporal clips by spatial crops of each video.
    pub views: Views,
    /// Distance of neighbouring frames in the video.
    pub stride: usize,
    /// Whether single clips are spread over their whole videos, whatever the stride.
    pub spread: bool,
    /// Threads that decode.
    pub workers: usize,
    /// How long a video may take to decode.
    pub timeout: Option<Duration>,
}

impl ValidationOptions {
    /// As a recipe has it: with these views, and frames as far apart as the model has learnt them.
    pub fn of(recipe: &Recipe, views: Views) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = recipe.loading.workers.unwrap_or(workers);
        let spread = recipe.clip_start == ClipStart::Spread;
        Self { views, stride: recipe.augmentation.stride, spread, workers, timeout: None }
    }

    /// How long a video may take to decode.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    fn sampling(&self, frames: usize) -> Sampling {
        self.views.sampling_spread(frames, self.stride, self.spread)
    }
}

/// What an evaluation has found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValidationOutcome {
    /// The mean over the videos, without any smoothing.
    pub loss: f64,
    /// How often the model was right.
    pub metrics: Metrics,
}

impl ValidationOutcome {
    /// The figure by which checkpoints are compared, from 0 to 1: how often all labels of a video were found, or of several
    /// labels a video their mean average precision. `None` where no video could be read.
    pub fn score(&self) -> Option<f64> {
        scored(&self.metrics).and_then(|figure| figure.value)
    }

    /// What [`score`](Self::score) is called for this task, such as `top-1`, `action top-1` or `mAP`.
    pub fn score_name(task: &Task) -> String {
        scored(&Metrics::new(task)).map_or_else(String::new, |figure| figure.name)
    }
}

/// The figure by which checkpoints are compared.
fn scored(metrics: &Metrics) -> Option<Figure> {
    // The joint distribution of several heads comes last.
    metrics.headline().into_iter().rev().find(|figure| !figure.name.ends_with("top-5"))
}

/// Evaluates `model`, as it is now, on the videos of `source`. One that cannot be read is left out and counted.
///
/// # Errors
///
/// What the device has to say, logits that are no numbers ([`Device`](ErrorKind::Device)), and sources that are wrong as a whole.
pub fn validate(
    model: &Vivit,
    source: &Arc<dyn ClipSource>,
    task: &Task,
    options: &ValidationOptions,
) -> Result<ValidationOutcome> {
    let (pass, labelling) = (Pass::new().views(options.views), &model.config().labelling);
    let sampling = options.sampling(model.config().frames);
    let opened = Arc::clone(source);
    let decode = move |index: &usize| opened.open(*index)?.clips(&sampling);
    let (mut metrics, mut total) = (Metrics::new(task), 0.0);
    let items: Vec<usize> = (0..source.count()).collect();
    decode_ahead(items, options.workers, options.timeout, decode, |index, decoded: Result<Vec<Clip>>, _| {
        let (name, labels) = (source.name(*index), source.labels(*index));
        let outcome = match decoded {
            Ok(clips) => {
                let views = model.view_logits(pass.over(&clips))?;
                if !views.iter().flatten().all(|logit| logit.is_finite()) {
                    return Err(Error::new(
                        ErrorKind::Device,
                        format!("the logits of {name} are no numbers: the weights have run away"),
                    ));
                }
                let logits = Average::Logits.of(&views, labelling)?;
                total += loss(task, &logits, &labels);
                VideoOutcome::Done(Prediction::new(task, logits, None)?)
            }
            Err(error) if UNREADABLE.contains(&error.kind()) => {
                VideoOutcome::Failed(printable(&error.to_string(), LONGEST_TEXT))
            }
            Err(error) => return Err(error.within(name)),
        };
        metrics.add(&Row::new(*index, name, outcome).labels(labels))
    })?;
    match metrics.videos() {
        0 => Err(Error::file("none of the videos for validation can be read")),
        videos => Ok(ValidationOutcome { loss: total / videos as f64, metrics }),
    }
}

/// The cross entropy of the labels of a video: the mean over heads, or the sum over classes that each apply or not.
fn loss(task: &Task, logits: &[f32], labels: &[usize]) -> f64 {
    let logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
    if *task.labelling() == Labelling::Multiple {
        let of_class = |(class, logit): (usize, &f64)| {
            let signed = if labels.contains(&class) { -logit } else { *logit };
            signed.max(0.0) + (-signed.abs()).exp().ln_1p()
        };
        return logits.iter().enumerate().map(of_class).sum();
    }
    let (heads, mut first, mut sum) = (task.heads(), 0, 0.0);
    for (head, label) in heads.iter().zip(labels) {
        let own = &logits[first..first + head.classes];
        let highest = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        sum += own.iter().map(|logit| (logit - highest).exp()).sum::<f64>().ln() + highest - own[*label];
        first += head.classes;
    }
    sum / heads.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::LabelHead;

    #[test]
    fn a_score_is_of_all_labels_or_a_mean_average_precision() {
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        let heads = Labelling::Heads(vec![head("noun", 2), head("verb", 3)]);
        for (labelling, classes, labels, name, score) in [
            (Labelling::Single, 7, vec![1], "top-1", 1.0),
            (heads, 5, vec![1, 2], "action top-1", 0.0),
            (Labelling::Multiple, 3, vec![0, 1], "mAP", 0.75),
        ] {
            let task = Task::new(labelling, classes).unwrap();
            assert_eq!(ValidationOutcome::score_name(&task), name);
            let row = |labels: &[usize], logits: Vec<f32>| {
                let prediction = Prediction::new(&task, logits, None).unwrap();
                Row::new(0, "clip".to_owned(), VideoOutcome::Done(prediction)).labels(labels.to_vec())
            };
            let mut logits = vec![0.0; classes];
            logits[1] = 1.0;
            let mut metrics = Metrics::new(&task);
            metrics.add(&row(&labels, logits.clone())).unwrap();
            if name == "mAP" {
                // The only other video comes first for class 0, of which it is not, so that this one is half right.
                logits[0] = 0.5;
                metrics.add(&row(&[1], logits)).unwrap();
            }
            assert_eq!(ValidationOutcome { loss: 0.0, metrics }.score(), Some(score), "{name}");
        }
    }

    #[test]
    fn losses_are_those_of_their_definitions() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        let single = Task::new(Labelling::Single, 4).unwrap();
        near(loss(&single, &[0.0; 4], &[2]), 4f64.ln());
        near(loss(&single, &[0.0, 0.0, 1e4, 0.0], &[2]), 0.0);
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        let heads = Task::new(Labelling::Heads(vec![head("noun", 2), head("verb", 3)]), 5).unwrap();
        near(loss(&heads, &[0.0; 5], &[1, 2]), (2f64.ln() + 3f64.ln()) / 2.0);
        let multiple = Task::new(Labelling::Multiple, 2).unwrap();
        near(loss(&multiple, &[0.0; 2], &[0]), 2.0 * 2f64.ln());
        near(loss(&multiple, &[1e4, -1e4], &[0]), 0.0);
    }
}
