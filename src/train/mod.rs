//! Training: what a model learns from, and by which recipe.
//!
//! | part | what it is |
//! |---|---|
//! | [`Recipe`] | everything about a training, as a TOML file; those of the paper by name |
//! | [`ClipSource`] | labelled clips by their numbers: [`ManifestClips`], [`HeldClips`] in memory, [`CachedClips`] |
//! | [`ValidationSplit`] | a data set in two, one part to learn from and one to see what was learnt |
//! | [`Loader`] | batches without end, the same whatever the number of threads and wherever a training went on |

mod data;
mod loader;
mod recipe;

pub use data::{CachedClips, ClipSource, HeldClips, HeldFrames, ManifestClips, ValidationSplit};
pub use loader::{Batch, Loader, LoaderOptions, MicroBatch, Position};
pub use recipe::{
    AdamwRecipe, CheckpointRecipe, CheckpointStart, ClipNorm, ClipStart, Clipping, Decay, EvaluationRecipe, ImageStart,
    Length, LoadingRecipe, ModelRecipe, MomentumRecipe, OptimiserRecipe, Recipe, Remainder, ScheduleRecipe, Start,
    frozen,
};
