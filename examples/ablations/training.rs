//! A run, from a recipe to its result.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tubelet::checkpoint::{Checkpoint, PreprocessorFile};
use tubelet::tensor::Error;
use tubelet::train::{
    Loader, LoaderOptions, Onlooker, Recipe, TrainedStep, Trainer, TrainerOptions, TrainingRun, ValidationOptions,
    ValidationOutcome, validate,
};
use tubelet::{Device, Result, Views};

use crate::clips::Clips;

/// Steps at the end that the final loss is the mean of.
const LAST_STEPS: usize = 50;

/// Steps between two lines of progress.
const LINE_EVERY: u64 = 100;

/// How clips of the size that is learnt from are shown in an evaluation: as they are. scenic's own way enlarges frames first.
const AS_THEY_ARE: &str = include_str!("../../models/motions/preprocessor_config.json");

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// The recipe in full.
    pub(crate) recipe: String,
    /// Clips that were learnt from, and held out.
    pub(crate) clips: [usize; 2],
    pub(crate) device: String,
    /// The share of held-out clips whose class was the most probable.
    pub(crate) top_1: f64,
    /// The mean of the last steps.
    pub(crate) loss: f64,
    pub(crate) parameters: usize,
    /// The median, from a batch to the finished update.
    pub(crate) step_seconds: f64,
}

/// Trains by `recipe`, from `checkpoint` on, and evaluates once. The model is left in `folder`.
pub(crate) fn train(
    device: &Device,
    recipe: &Recipe,
    checkpoint: Checkpoint,
    clips: &Clips,
    folder: &Path,
) -> Result<Outcome> {
    let parameters = checkpoint.config.parameters()?.iter().map(|parameter| parameter.shape.elements()).sum();
    let checkpoint = checkpoint.preprocessor(PreprocessorFile::new("preprocessor_config.json", AS_THEY_ARE));
    let trainer = Trainer::new(device, checkpoint, TrainerOptions::of(recipe))?;
    let loading = LoaderOptions::of(recipe).layout(trainer.model().layout());
    let loader = Loader::new(clips.training.clone(), &clips.task, loading)?;
    let mut run = TrainingRun::new(recipe, &clips.task, trainer, loader, folder)?;
    let mut steps = Steps { total: run.total(), ..Steps::default() };
    run.finish(&mut steps)?;
    let options = ValidationOptions::of(recipe, Views::SINGLE);
    let found = validate(run.trainer().model(), &clips.held_out, &clips.task, &options)?;
    Ok(Outcome {
        recipe: recipe.to_text()?,
        clips: [clips.training.count(), clips.held_out.count()],
        device: device.name().to_owned(),
        top_1: found.score().ok_or_else(|| Error::usage("no held-out clip could be read"))?,
        loss: steps.last_loss(),
        parameters,
        step_seconds: steps.median_seconds(),
    })
}

/// What is seen of the steps of a run.
#[derive(Default)]
struct Steps {
    total: u64,
    losses: Vec<f64>,
    seconds: Vec<f64>,
}

impl Steps {
    fn last_loss(&self) -> f64 {
        let last = &self.losses[self.losses.len().saturating_sub(LAST_STEPS)..];
        last.iter().sum::<f64>() / last.len() as f64
    }

    fn median_seconds(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Onlooker for Steps {
    fn step(&mut self, step: &TrainedStep) -> Result<()> {
        self.losses.push(step.loss);
        self.seconds.push(step.computed.as_secs_f64());
        if step.step.is_multiple_of(LINE_EVERY) {
            eprintln!("  step {} of {}: loss {:.3}", step.step, self.total, self.last_loss());
        }
        Ok(())
    }

    fn evaluated(&mut self, _: u64, _: u64, _: &ValidationOutcome) -> Result<()> {
        Ok(())
    }

    fn saved(&mut self, _: u64, _: &Path) -> Result<()> {
        Ok(())
    }

    fn interrupted(&self) -> bool {
        false
    }
}
