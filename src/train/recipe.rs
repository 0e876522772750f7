//! Everything about a training, as a TOML file.

mod by_name;
mod fault;
mod frozen;
mod optimisation;
mod released;
mod rhythm;
mod start;
mod text;
mod validation;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result, named};
use crate::video::augment::Augmentation;
use crate::vivit::StochasticDepth;

pub use frozen::frozen;
pub use optimisation::{AdamwRecipe, ClipNorm, Clipping, Decay, MomentumRecipe, OptimiserRecipe, ScheduleRecipe};
pub use rhythm::{CheckpointRecipe, EvaluationRecipe, LoadingRecipe};
pub use start::{CheckpointStart, ImageStart, ModelRecipe, Start};

/// A training, but for the data set: what is begun from, how it is changed, how often and in which order clips are shown, and
/// when it is looked at. The same recipe and clips give the same model, to the bit on the same device.
///
/// What a file does not mention is as in [`Recipe::default`], the paper's training without any augmentation. Recipes of the
/// paper's data sets go by name: [`Recipe::named`].
///
/// ```
/// use tubelet::train::{Length, Recipe};
///
/// let recipe = Recipe::parse("
///     epochs = 20
///     batch = 16
///     frozen = ['embeddings']
///
///     [optimiser.adamw]
///     weight_decay = 0.05
///
///     [augmentation]
///     frames = 16
///     flip = 0.5
/// ")?;
/// assert_eq!(recipe.length()?, Length::Epochs(20));
/// assert_eq!(recipe.steps(100)?, 120);
/// let error = Recipe::parse("epochs = 20\nbatches = 16").unwrap_err().to_string();
/// assert!(error.starts_with("line 2: unknown field `batches`, expected one of `seed`, `epochs`"), "{error}");
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Recipe {
    /// Decides everything that is random; at most 2⁶³ − 1.
    pub seed: u64,
    /// How often all clips are shown. Either this or `steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// How often weights change. Either this or `epochs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Clips of a step.
    pub batch: usize,
    /// Clips that one of several devices would have: mixup mixes among them, and clipping by device clips their gradient.
    /// Without it all of a batch, as on one device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_batch: Option<usize>,
    /// Clips that are computed at a time, whose gradients are added up: fewer take less memory, and change nothing but
    /// roundings. Without it those of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// What becomes of the clips that do not fill a batch at the end of an epoch.
    pub remainder: Remainder,
    /// Whether blocks are computed again in the backward pass, which takes less memory and more time.
    pub recompute: bool,
    /// Where in its video a clip begins.
    pub clip_start: ClipStart,
    /// How likely each value inside an MLP, and each that it gives, is dropped.
    pub mlp_dropout: f64,
    /// How likely a probability of attention is dropped: 0, as in the paper.
    pub attention_dropout: f64,
    /// Parameters that stay as they are: `embeddings`, `encoder`, `head`, names, or names with `*` for anything and `?` for
    /// any character.
    pub frozen: Vec<String>,
    /// What the training begins from.
    pub start: Start,
    /// How a gradient changes the weights.
    pub optimiser: OptimiserRecipe,
    /// How far, at each step.
    pub schedule: ScheduleRecipe,
    /// What is done about long gradients.
    pub clipping: Clipping,
    /// Branches of blocks that are left out at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stochastic_depth: Option<StochasticDepth>,
    /// The clips that the model is shown: their size, and what is changed about them at random; also mixup and the smoothing
    /// of labels.
    pub augmentation: Augmentation,
    /// When the model is evaluated, and how.
    pub evaluation: EvaluationRecipe,
    /// Which checkpoints are written and kept.
    pub checkpoints: CheckpointRecipe,
    /// How clips are read.
    pub loading: LoadingRecipe,
}

/// The paper's training (Table 7, its first column) without augmentation. How long it takes is left open.
impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 0,
            epochs: None,
            steps: None,
            batch: 64,
            device_batch: None,
            micro_batch: None,
            remainder: Remainder::default(),
            recompute: false,
            clip_start: ClipStart::default(),
            mlp_dropout: 0.0,
            attention_dropout: 0.0,
            frozen: Vec::new(),
            start: Start::default(),
            optimiser: OptimiserRecipe::default(),
            schedule: ScheduleRecipe::default(),
            clipping: Clipping::default(),
            stochastic_depth: None,
            augmentation: Augmentation::default(),
            evaluation: EvaluationRecipe::default(),
            checkpoints: CheckpointRecipe::default(),
            loading: LoadingRecipe::default(),
        }
    }
}

/// How long a training takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Length {
    /// Until all clips were shown so often.
    Epochs(u64),
    /// Until weights have changed so often.
    Steps(u64),
}

/// What becomes of the clips that do not fill a batch at the end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remainder {
    /// They are not shown in this epoch, as in scenic.
    #[default]
    Drop,
    /// They make a smaller batch.
    Keep,
}

named!(Remainder, "what becomes of a remainder": Drop = "drop", Keep = "keep");

/// Where in its video a clip begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClipStart {
    /// At a random frame, another in each epoch (spec §6.1).
    #[default]
    Random,
    /// So that it lies in the middle.
    Central,
    /// At the first frame: its frames are spread over the whole video, whatever the stride.
    Spread,
}

named!(ClipStart, "the start of a clip": Random = "random", Central = "central", Spread = "spread");

impl Recipe {
    /// How long the training takes.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) unless one of `epochs` and `steps` says so.
    pub fn length(&self) -> Result<Length> {
        match (self.epochs, self.steps) {
            (Some(epochs), None) => Ok(Length::Epochs(epochs)),
            (None, Some(steps)) => Ok(Length::Steps(steps)),
            (None, None) => {
                Err(Error::usage("it says neither `epochs` nor `steps`; give one of them, such as epochs = 30"))
            }
            (Some(_), Some(_)) => Err(Error::usage("it says both `epochs` and `steps`; give one of them")),
        }
    }

    /// Steps of an epoch of `clips` clips; at least 1.
    pub fn steps_per_epoch(&self, clips: usize) -> u64 {
        let batch = self.batch.max(1);
        let steps = match self.remainder {
            Remainder::Drop => clips / batch,
            Remainder::Keep => clips.div_ceil(batch),
        };
        steps.max(1) as u64
    }

    /// Steps of the whole training on `clips` clips.
    ///
    /// An error as that of [`length`](Self::length).
    pub fn steps(&self, clips: usize) -> Result<u64> {
        Ok(match self.length()? {
            Length::Epochs(epochs) => epochs.saturating_mul(self.steps_per_epoch(clips)),
            Length::Steps(steps) => steps,
        })
    }

    /// Clips of a device.
    pub fn clips_of_device(&self) -> usize {
        self.device_batch.unwrap_or(self.batch)
    }

    /// Clips that are computed at a time.
    pub fn clips_at_a_time(&self) -> usize {
        self.micro_batch.unwrap_or(self.clips_of_device())
    }
}
