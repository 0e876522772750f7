//! What batches are to be like.

use std::time::Duration;

use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result};
use crate::train::{ClipStart, Recipe, Remainder};
use crate::video::augment::Augmentation;

/// What the batches of a [`Loader`](super::Loader) are like, and how they are made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoaderOptions {
    /// Decides everything that is random.
    pub seed: u64,
    /// Clips of a batch.
    pub batch: usize,
    /// Clips among which mixup mixes, from the first on; `None` for all of the batch.
    pub device_batch: Option<usize>,
    /// What becomes of the clips that do not fill a batch at the end of an epoch.
    pub remainder: Remainder,
    /// What is changed about clips, and how large they are.
    pub augmentation: Augmentation,
    /// Where in its video a clip begins.
    pub clip_start: ClipStart,
    /// The order of the clips' axes.
    pub layout: ClipLayout,
    /// Threads that decode and augment. They change nothing but the time it takes. Clips that are ready ahead take memory:
    /// a batch, and one for each thread.
    pub workers: usize,
    /// How many clips may fail to be read. The next failure ends the training.
    pub most_failed: usize,
    /// How long a clip may take to be read before it has failed. A source must itself keep to it; a thread that does not
    /// return soon after is left alone.
    pub timeout: Option<Duration>,
}

impl LoaderOptions {
    /// Single clips of this augmentation, from random places of their videos, in the order that scenic's models take; a thread
    /// for each of the processor's; none may fail.
    pub fn new(augmentation: Augmentation) -> Self {
        Self {
            seed: 0,
            batch: 1,
            device_batch: None,
            remainder: Remainder::default(),
            augmentation,
            clip_start: ClipStart::default(),
            layout: ClipLayout::Bthwc,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            most_failed: 0,
            timeout: None,
        }
    }

    /// What a recipe says of batches.
    pub fn of(recipe: &Recipe) -> Self {
        let options = Self::new(recipe.augmentation.clone());
        Self {
            seed: recipe.seed,
            batch: recipe.batch,
            device_batch: recipe.device_batch,
            remainder: recipe.remainder,
            clip_start: recipe.clip_start,
            workers: recipe.loading.workers.unwrap_or(options.workers),
            most_failed: recipe.loading.most_failed,
            ..options
        }
    }

    /// Decides everything that is random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Clips of a batch.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Clips among which mixup mixes.
    #[must_use]
    pub fn device_batch(self, device_batch: impl Into<Option<usize>>) -> Self {
        Self { device_batch: device_batch.into(), ..self }
    }

    /// What becomes of the clips that do not fill a batch.
    #[must_use]
    pub fn remainder(self, remainder: Remainder) -> Self {
        Self { remainder, ..self }
    }

    /// Where in its video a clip begins.
    #[must_use]
    pub fn clip_start(self, clip_start: ClipStart) -> Self {
        Self { clip_start, ..self }
    }

    /// The order of the clips' axes.
    #[must_use]
    pub fn layout(self, layout: ClipLayout) -> Self {
        Self { layout, ..self }
    }

    /// Threads that decode and augment.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// How many clips may fail to be read.
    #[must_use]
    pub fn most_failed(self, most_failed: usize) -> Self {
        Self { most_failed, ..self }
    }

    /// How long a clip may take to be read.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// Clips among which mixup mixes, at most all of a batch.
    pub(super) fn clips_of_device(&self) -> usize {
        self.device_batch.unwrap_or(self.batch)
    }

    /// Clips that are being prepared or wait at a time: all of the next batch, and one for each thread to work on.
    pub(super) fn in_work(&self) -> usize {
        self.batch.saturating_add(self.workers.max(1))
    }

    pub(super) fn validate(&self) -> Result<()> {
        self.augmentation.validate()?;
        if self.batch == 0 {
            return Err(Error::usage("a batch must have at least one clip"));
        }
        let device = self.clips_of_device();
        if device == 0 || !self.batch.is_multiple_of(device) {
            return Err(Error::usage(format!("a batch of {} clips is not whole batches of {device}", self.batch)));
        }
        if self.augmentation.mixup.is_some() && device == 1 {
            return Err(Error::usage(
                "a clip cannot be mixed with itself: take batches of two or more, or leave mixup out",
            ));
        }
        Ok(())
    }
}
