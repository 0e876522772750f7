//! What was found.

use std::path::PathBuf;

use serde::Serialize;

use super::measurement::Measurement;

/// How a check has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The device agrees with the reference.
    Passed,
    /// It disagrees, or could not compute what it should be able to.
    Failed,
    /// It lacks what this needs.
    Unsupported,
    /// It was not run: the device was lost before, or the run was interrupted.
    Skipped,
}

/// What was found of one case of one variant of a kernel.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CaseFinding {
    /// The kernel.
    pub kernel: &'static str,
    /// Its variant, or `host`.
    pub variant: &'static str,
    /// The name of the case.
    pub case: String,
    /// How it has ended.
    pub verdict: Verdict,
    /// Why, where it did not pass.
    pub reason: Option<String>,
    /// How far it is from the reference, where it ran.
    pub measurement: Option<Measurement>,
    /// Of a failure: the smallest failing call that was found, in words.
    pub smallest: Option<String>,
    /// What makes that call again, or a random case that passed.
    pub decisions: Option<Vec<u32>>,
    /// The folder with what shows the failure.
    pub evidence: Option<PathBuf>,
}

/// What was found of a model.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ModelFinding {
    /// The model.
    pub model: String,
    /// How it has ended.
    pub verdict: Verdict,
    /// Why, where it did not pass.
    pub reason: Option<String>,
    /// The index of the first call that differs in [`calls`](Self::calls).
    pub first: Option<usize>,
    /// The gradient of every weight, where those are what is checked; else none.
    pub gradients: Vec<GradientFinding>,
    /// Every value that the model computes, in order; none where it did not run.
    pub calls: Vec<CallFinding>,
    /// The folder with what shows the failure.
    pub evidence: Option<PathBuf>,
}

/// What was found of one value that a model computes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CallFinding {
    /// The value.
    pub value: String,
    /// The kernel that computes it.
    pub kernel: &'static str,
    /// Its variant, or `host`.
    pub variant: &'static str,
    /// How far it is from the reference.
    pub relative_l2: f64,
    /// The same of its worst element, as a share of the largest one.
    pub share_of_peak: f64,
}

/// What was found of the gradient of one weight.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GradientFinding {
    /// The weight.
    pub weight: String,
    /// The kernel that computes its gradient.
    pub kernel: &'static str,
    /// Its variant, or `host`.
    pub variant: &'static str,
    /// Whether the gradient is 0 in theory, as that of a key bias is: the softmax does not see what is added to a whole row
    /// of scores.
    pub zero_in_theory: bool,
    /// ‖actual − expected‖₂ / ‖expected‖₂; of one that is 0 in theory ‖actual‖₂ as a share of the norm of all gradients
    /// together.
    pub distance: f64,
    /// The largest distance that is accepted.
    pub bound: f64,
}

impl GradientFinding {
    /// Whether it is as close as it has to be; a distance that is no number is not.
    pub fn is_close(&self) -> bool {
        self.distance <= self.bound
    }
}

/// How many checks ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Those that agree with the reference.
    pub passed: usize,
    /// Those that do not.
    pub failed: usize,
    /// Those that the device lacks something for.
    pub unsupported: usize,
    /// Those that were not run.
    pub skipped: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Unsupported => self.unsupported += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.unsupported + self.skipped
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            unsupported: self.unsupported + other.unsupported,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl CaseFinding {
    /// Adds to the reason.
    pub(super) fn explain(&mut self, more: &str) {
        explain(&mut self.reason, more);
    }
}

impl ModelFinding {
    /// Adds to the reason.
    pub(super) fn explain(&mut self, more: &str) {
        explain(&mut self.reason, more);
    }
}

fn explain(reason: &mut Option<String>, more: &str) {
    *reason = Some(reason.take().map_or_else(|| more.to_owned(), |reason| format!("{reason}; {more}")));
}
