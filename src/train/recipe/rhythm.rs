//! When a model is looked at and written down, and how clips are read.

use serde::{Deserialize, Serialize};

use crate::engine::Views;
use crate::video::Crops;

/// When the model is evaluated, and how (spec §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EvaluationRecipe {
    /// After how many epochs the clips for validation are seen once more, and after the last; 0 for never.
    pub every_epochs: u64,
    /// After how many steps, instead of epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_steps: Option<u64>,
    /// Temporal clips by spatial crops of each video: `1x1` is the middle.
    #[serde(with = "super::by_name")]
    pub views: Views,
    /// After how many epochs all views of a test are seen, and after the last; 0 for never.
    pub test_every_epochs: u64,
    /// The views of a test: `4x3`.
    #[serde(with = "super::by_name")]
    pub test_views: Views,
}

impl Default for EvaluationRecipe {
    fn default() -> Self {
        let test_views = Views { clips: 4, crops: Crops::Central };
        Self { every_epochs: 1, every_steps: None, views: Views::SINGLE, test_every_epochs: 5, test_views }
    }
}

/// Which checkpoints are written and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CheckpointRecipe {
    /// How many of the last ones are kept, at least 1.
    pub keep: usize,
    /// After how many epochs one is written, and after the last; at least 1.
    pub every_epochs: u64,
    /// After how many steps, instead of epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_steps: Option<u64>,
}

impl Default for CheckpointRecipe {
    fn default() -> Self {
        Self { keep: 3, every_epochs: 1, every_steps: None }
    }
}

/// How clips are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LoadingRecipe {
    /// Threads that decode and augment; without it one for each of the processor's. They change nothing but the time it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// MiB of decoded frames that are kept in memory.
    pub cache_mib: u64,
    /// How many videos may fail to be read. Each is named, and another is shown in its place; the next failure ends the
    /// training.
    pub most_failed: usize,
}
