//! A whole training: steps, evaluations and checkpoints until it is done, interrupted, or gets nowhere.

mod divergence;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::evaluation::{ValidationOptions, ValidationOutcome, validate};
use super::state::{CheckpointFolder, Progress, write_model};
use super::{Batch, ClipSource, Decay, Loader, Position, RateSchedule, Recipe, Trainer};
use crate::eval::Task;
use crate::tensor::{Error, ErrorKind, Result};
use crate::vivit::Labelling;
use divergence::Divergence;

/// What became of a step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainedStep {
    /// Counted from 1.
    pub step: u64,
    /// Counted from 1.
    pub epoch: u64,
    /// The mean over the batch, of smoothed targets.
    pub loss: f64,
    /// The norm of the gradient before clipping.
    pub norm: f64,
    /// The learning rate.
    pub rate: f64,
    /// The share of clips of which all labels are most probable; `None` where clips are mixed or have any number of labels.
    pub accuracy: Option<f64>,
    /// Clips of the batch.
    pub clips: usize,
    /// How long was waited for them.
    pub waited: Duration,
    /// From the batch to the finished update.
    pub computed: Duration,
}

/// Who looks on while a model learns. An error ends the training.
pub trait Onlooker {
    /// A step is done.
    fn step(&mut self, step: &TrainedStep) -> Result<()>;

    /// The model was evaluated after so many steps and in this epoch, counted from 1.
    fn evaluated(&mut self, step: u64, epoch: u64, outcome: &ValidationOutcome) -> Result<()>;

    /// A checkpoint was written.
    fn saved(&mut self, step: u64, path: &Path) -> Result<()>;

    /// Whether the training is to end: it is then written down as it is. Asked after each batch that was waited for, between
    /// the parts of a step, and after an evaluation.
    fn interrupted(&self) -> bool;
}

/// A training that is about to begin, or to go on.
#[derive(Debug)]
pub struct TrainingRun {
    recipe: Recipe,
    task: Task,
    trainer: Trainer,
    loader: Loader,
    /// What is evaluated on, and how long one of its videos may take to decode.
    validation: Option<Arc<dyn ClipSource>>,
    timeout: Option<Duration>,
    folder: PathBuf,
    checkpoints: CheckpointFolder,
    /// Steps that were taken.
    step: u64,
    total: u64,
    schedule: RateSchedule,
    divergence: Divergence,
    last_good: Option<PathBuf>,
}

impl TrainingRun {
    /// A training of the model of `trainer` by `recipe`, on the batches of `loader`, which writes into `folder`.
    ///
    /// # Errors
    ///
    /// A schedule that cannot be; a folder that cannot be made.
    pub fn new(
        recipe: &Recipe,
        task: &Task,
        trainer: Trainer,
        loader: Loader,
        folder: impl AsRef<Path>,
    ) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        let total = match recipe.steps {
            Some(steps) => steps,
            None => recipe.epochs.unwrap_or(0).saturating_mul(loader.batches()),
        };
        // Before the folder is made: a schedule that cannot be leaves nothing behind.
        let schedule = schedule(recipe, loader.batches(), total)?;
        Ok(Self {
            task: task.clone(),
            checkpoints: CheckpointFolder::open(folder.join("checkpoints"), recipe.checkpoints.keep)?,
            schedule,
            divergence: Divergence::new(unknowing(task)),
            recipe: recipe.clone(),
            trainer,
            loader,
            validation: None,
            timeout: None,
            folder,
            step: 0,
            total,
            last_good: None,
        })
    }

    /// Evaluates on these videos.
    #[must_use]
    pub fn validation(self, source: impl Into<Option<Arc<dyn ClipSource>>>, timeout: Option<Duration>) -> Self {
        Self { validation: source.into(), timeout, ..self }
    }

    /// Goes on where a checkpoint, read from `path`, has it. The trainer must have begun from the same.
    ///
    /// # Errors
    ///
    /// Another recipe, and a position among other clips.
    pub fn resume(mut self, progress: &Progress, path: &Path) -> Result<Self> {
        progress.check(&self.recipe)?;
        self.loader.resume(&progress.position)?;
        (self.step, self.last_good) = (progress.step, Some(path.to_owned()));
        Ok(self)
    }

    /// Steps that were taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps of the whole training.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Epochs of the whole training, the last perhaps not a whole one.
    pub fn epochs(&self) -> u64 {
        self.total.div_ceil(self.loader.batches().max(1))
    }

    /// The model as it is.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> &CheckpointFolder {
        &self.checkpoints
    }

    /// The names of videos that could not be read so far, with the reasons.
    pub fn failed(&self) -> impl ExactSizeIterator<Item = (String, &str)> {
        self.loader.failed()
    }

    /// Takes all steps that are left, then writes the model into the folder.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), once a checkpoint is written; [`Device`](ErrorKind::Device) where the loss or
    /// the gradient is no number, or the loss has grown far beyond that of a model that knows nothing: step, layer where it is
    /// known, and the last good checkpoint are named.
    pub fn finish(&mut self, onlooker: &mut dyn Onlooker) -> Result<()> {
        while self.step < self.total {
            let position = self.loader.position().clone();
            let begun = Instant::now();
            let batch = self.loader.next_batch();
            if onlooker.interrupted() {
                // What decodes may have been interrupted, too: the batch is not trained on.
                return self.stop(position, onlooker);
            }
            if self.take(&batch?, begun.elapsed(), onlooker)?.is_break() {
                return self.stop(position, onlooker);
            }
            self.look(onlooker)?;
        }
        write_model(&self.folder, &self.trainer, true)
    }

    /// Writes down how far it is.
    fn stop(&mut self, position: Position, onlooker: &mut dyn Onlooker) -> Result<()> {
        self.save(position, None, onlooker)?;
        Err(Error::new(ErrorKind::Interrupted, format!("interrupted after step {}", self.step)))
    }

    /// Takes a step; breaks where it was interrupted before the weights have changed.
    fn take(&mut self, batch: &Batch, waited: Duration, onlooker: &mut dyn Onlooker) -> Result<ControlFlow<()>> {
        let begun = Instant::now();
        let rate = self.rate()?;
        let interrupted = || onlooker.interrupted();
        let Some(outcome) = self.trainer.step_unless(&interrupted, batch, self.step, rate)? else {
            return Ok(ControlFlow::Break(()));
        };
        let diverged =
            outcome.check(self.step).and_then(|()| self.divergence.add(self.step, outcome.loss, outcome.longest()));
        let epoch = self.step / self.loader.batches() + 1;
        self.step += 1;
        let step = TrainedStep {
            step: self.step,
            epoch,
            loss: outcome.loss,
            norm: outcome.norm,
            rate,
            accuracy: self.accuracy(batch, outcome.logits.as_f32()?),
            clips: batch.labels.len(),
            waited,
            computed: begun.elapsed(),
        };
        onlooker.step(&step)?;
        diverged.map_err(|error| self.with_last_good(error))?;
        Ok(ControlFlow::Continue(()))
    }

    fn with_last_good(&self, error: Error) -> Error {
        let last = match &self.last_good {
            Some(path) => format!("the last good checkpoint is {}", path.display()),
            None => "there is no checkpoint before it".to_owned(),
        };
        Error::new(error.kind(), format!("{error}; {last}"))
    }

    /// The learning rate of the next step.
    fn rate(&self) -> Result<f64> {
        match self.recipe.schedule.decay {
            Decay::Cosine => self.schedule.rate(self.step),
            Decay::Constant => {
                let (peak, warm_up) = (self.recipe.schedule.rate, self.warm_up());
                Ok(if self.step < warm_up { peak * (self.step as f64 / warm_up as f64) } else { peak })
            }
        }
    }

    fn warm_up(&self) -> u64 {
        self.recipe.schedule.warm_up(self.loader.batches())
    }

    /// The share of the clips of a batch of which all labels are most probable.
    fn accuracy(&self, batch: &Batch, logits: &[f32]) -> Option<f64> {
        if self.recipe.augmentation.mixup.is_some() || self.task.is_multiple() {
            return None;
        }
        let heads = self.task.heads();
        let right = |(labels, logits): (&Vec<usize>, &[f32])| {
            let mut first = 0;
            labels.iter().zip(&heads).all(|(label, head)| {
                let own = &logits[first..first + head.classes];
                first += head.classes;
                own.iter().enumerate().all(|(class, logit)| {
                    class == *label || *logit < own[*label] || (*logit == own[*label] && class > *label)
                })
            })
        };
        let found = batch.labels.iter().zip(logits.chunks(self.task.classes())).filter(|clip| right(*clip)).count();
        Some(found as f64 / batch.labels.len().max(1) as f64)
    }

    /// Evaluates and writes a checkpoint, where it is time.
    fn look(&mut self, onlooker: &mut dyn Onlooker) -> Result<()> {
        let score = match self.evaluation_due() {
            true => self.evaluate(onlooker)?,
            false => None,
        };
        let best = self.checkpoints.best().and_then(|(_, progress)| progress.score);
        let improved = score.is_some_and(|score| best.is_none_or(|best| score > best));
        match self.checkpoint_due() || improved {
            true => self.save(self.loader.position().clone(), score, onlooker),
            false => Ok(()),
        }
    }

    fn evaluate(&self, onlooker: &mut dyn Onlooker) -> Result<Option<f64>> {
        let Some(source) = &self.validation else { return Ok(None) };
        let recipe = &self.recipe.evaluation;
        let views = if self.is_due(recipe.test_every_epochs, None) { recipe.test_views } else { recipe.views };
        let options = ValidationOptions::of(&self.recipe, views).timeout(self.timeout);
        let outcome = validate(self.trainer.model(), source, &self.task, &options);
        if onlooker.interrupted() {
            // What was found may lack what was interrupted. The next look at the signal ends the training.
            return Ok(None);
        }
        let outcome = outcome.map_err(|error| match error.kind() {
            ErrorKind::Device => self.with_last_good(error),
            _ => error,
        })?;
        onlooker.evaluated(self.step, self.epoch(), &outcome)?;
        Ok(outcome.score())
    }

    /// The epoch of the last step, counted from 1.
    fn epoch(&self) -> u64 {
        self.step.saturating_sub(1) / self.loader.batches() + 1
    }

    fn evaluation_due(&self) -> bool {
        let evaluation = &self.recipe.evaluation;
        let usual = self.is_due(evaluation.every_epochs, evaluation.every_steps);
        self.validation.is_some() && (usual || self.is_due(evaluation.test_every_epochs, None))
    }

    fn checkpoint_due(&self) -> bool {
        let checkpoints = &self.recipe.checkpoints;
        self.is_due(checkpoints.every_epochs, checkpoints.every_steps)
    }

    /// Whether it is time after each so many epochs, or steps instead; always after the last step, unless it never is.
    fn is_due(&self, epochs: u64, steps: Option<u64>) -> bool {
        let every = steps.unwrap_or(epochs.saturating_mul(self.loader.batches()));
        every > 0 && (self.step.is_multiple_of(every) || self.step == self.total)
    }

    fn save(&mut self, position: Position, score: Option<f64>, onlooker: &mut dyn Onlooker) -> Result<()> {
        let progress = Progress::new(self.step, position, &self.recipe)?.score(score);
        let path = self.checkpoints.write(&self.trainer, &progress)?;
        onlooker.saved(self.step, &path)?;
        self.last_good = Some(path);
        Ok(())
    }
}

/// The cosine of a recipe; of a constant rate nothing but its end is asked.
fn schedule(recipe: &Recipe, steps_per_epoch: u64, total: u64) -> Result<RateSchedule> {
    let warm_up = match recipe.schedule.decay {
        Decay::Cosine => recipe.schedule.warm_up(steps_per_epoch) as f64,
        Decay::Constant => 0.0,
    };
    RateSchedule::new(recipe.schedule.rate, warm_up, total)
}

/// The loss of a model that knows nothing.
fn unknowing(task: &Task) -> f64 {
    let heads = task.heads();
    match task.labelling() {
        Labelling::Multiple => task.classes() as f64 * 2f64.ln(),
        _ => heads.iter().map(|head| (head.classes as f64).ln()).sum::<f64>() / heads.len() as f64,
    }
}
