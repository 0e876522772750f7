//! What is to be checked, and who watches.

use std::path::PathBuf;
use std::time::Duration;

use super::kernels::Session;
use super::models::ModelCase;
use super::report::DeviceFindings;
use super::subject::Subject;
use crate::graph::ExecutorOptions;
use crate::kernels::Family;

/// What is to be checked. Made by [`new`](Self::new) and a method a field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checks {
    /// The kernels.
    pub families: Vec<&'static Family>,
    /// The models, on every device after its kernels.
    pub models: Vec<ModelCase>,
    /// The variants of kernels that are checked, all where none is forced; models run with them.
    pub options: ExecutorOptions,
    /// Decides what random shapes there are.
    pub seed: u64,
    /// Random shapes of each kernel.
    pub shapes: u64,
    /// How long to go on with random shapes after everything else.
    pub soak: Option<Duration>,
    /// The folder that gets a folder for what fails; it is made when something does. `None`: nothing is written.
    pub evidence: Option<PathBuf>,
}

/// Whoever waits for a run.
pub trait Watch {
    /// A stretch of `total` steps begins on the device of this name.
    fn begin(&mut self, device: &str, total: u64);

    /// What comes next, after `position` steps.
    fn next(&mut self, what: &str, position: u64);

    /// Whether the run should end: what is left is skipped.
    fn interrupted(&self) -> bool;
}

/// Nobody waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn begin(&mut self, _: &str, _: u64) {}

    fn next(&mut self, _: &str, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

impl Checks {
    /// Random shapes of each kernel unless told otherwise: a second's work on a slow device.
    const SHAPES: u64 = 4;

    /// Of these kernels, by the device's own choice of variants for models.
    pub fn new(families: &[&'static Family]) -> Self {
        Self {
            families: families.to_vec(),
            models: Vec::new(),
            options: ExecutorOptions::default(),
            seed: 0,
            shapes: Self::SHAPES,
            soak: None,
            evidence: None,
        }
    }

    /// And these models.
    #[must_use]
    pub fn models(self, models: Vec<ModelCase>) -> Self {
        Self { models, ..self }
    }

    /// Only these variants, which models run with.
    #[must_use]
    pub fn options(self, options: ExecutorOptions) -> Self {
        Self { options, ..self }
    }

    /// Random shapes of this seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// So many random shapes of each kernel.
    #[must_use]
    pub fn shapes(self, shapes: u64) -> Self {
        Self { shapes, ..self }
    }

    /// Goes on with random shapes for so long.
    #[must_use]
    pub fn soak(self, soak: impl Into<Option<Duration>>) -> Self {
        Self { soak: soak.into(), ..self }
    }

    /// Writes what shows a failure below this folder.
    #[must_use]
    pub fn evidence(self, evidence: impl Into<Option<PathBuf>>) -> Self {
        Self { evidence: evidence.into(), ..self }
    }

    /// Checks `subject`. Nothing that goes wrong on it is an error: it is what is found.
    pub fn run(&self, subject: &Subject, watch: &mut dyn Watch) -> DeviceFindings {
        Session::new(self, subject, watch).run()
    }
}
