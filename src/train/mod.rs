//! Training: what a model learns from and by which recipe, its loss on labelled clips, how that grows with each weight, and
//! how weights follow it (spec §8).
//!
//! | part | what it is |
//! |---|---|
//! | `Recipe` | everything about a training, as a TOML file; those of the paper by name |
//! | `ClipSource` | labelled clips by their numbers: of a manifest, in memory, kept once decoded, made by the program |
//! | `ValidationSplit` | a data set in two, one part to learn from and one to see what was learnt |
//! | `Loader` | batches without end, the same whatever the number of threads and wherever a training went on |
//! | [`gradients`] | the loss of a model on a batch of clips, and its gradients by the names of a checkpoint |
//! | [`Optimiser`] | records a step of every weight into a graph: clipping, momentum or moments, decay |
//! | [`accumulate`], [`accumulated`] | gradients over the parts of a batch, each clipped by itself as on a device of its own |
//! | [`WithState`] | weights with an optimiser's state beside them |
//! | [`RateSchedule`] | the learning rate of each step |
//! | `Trainer` | takes steps: loss, gradients, clipping and update in one graph on one device, or by halves beside others |
//! | `StartingPoint` | random weights, an image model, or a video model with a new head |
//! | `TrainingRun` | all steps, with evaluations and checkpoints, until it is done |
//! | `CheckpointFolder` | checkpoints to go on from, the last ones and the best |
//! | `report` | what a run leaves to look at |
//!
//! Those without a link are part of the feature `video`, the last of the feature `report`.

#[cfg(feature = "video")]
mod data;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
mod evaluation;
mod gradients;
mod labels;
#[cfg(feature = "video")]
mod loader;
mod optimiser;
#[cfg(feature = "video")]
mod recipe;
#[cfg(feature = "report")]
pub mod report;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
mod run;
mod schedule;
#[cfg(feature = "video")]
mod starting;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
mod state;
#[cfg(feature = "video")]
mod trainer;

#[cfg(feature = "video")]
pub use data::{CachedClips, ClipSource, HeldClips, HeldFrames, ManifestClips, MotionClips, ValidationSplit};
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub use evaluation::{ValidationOptions, ValidationOutcome, validate};
pub use gradients::{GradientOptions, Gradients, gradients, norm};
pub use labels::Labels;
#[cfg(feature = "video")]
pub use loader::{Batch, Loader, LoaderOptions, MicroBatch, Position};
pub use optimiser::{AdamW, Optimiser, Sgd, WithState, accumulate, accumulated, check_step, keep};
#[cfg(feature = "video")]
pub use recipe::{
    AdamwRecipe, CheckpointRecipe, CheckpointStart, ClipNorm, ClipStart, Clipping, Decay, EvaluationRecipe, ImageStart,
    Length, LoadingRecipe, ModelRecipe, MomentumRecipe, OptimiserRecipe, Recipe, Remainder, ScheduleRecipe, Start,
    frozen,
};
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub use run::{Onlooker, TrainedStep, TrainingRun};
pub use schedule::RateSchedule;
#[cfg(feature = "video")]
pub use starting::StartingPoint;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub use state::{CheckpointFolder, Progress, Resumed, write_checkpoint, write_model};
#[cfg(feature = "video")]
pub use trainer::{GradientOutcome, StepOutcome, Trainer, TrainerOptions};
