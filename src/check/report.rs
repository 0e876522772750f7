//! What was found on a device.

use std::time::Duration;

use serde::Serialize;

use super::finding::{CaseFinding, Counts, ModelFinding, Verdict};
use super::subject::Subject;
use super::tally::Tally;

/// Everything that was found on one device.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DeviceFindings {
    /// Its name.
    pub name: String,
    /// Its driver and the interface to it; `None` for the host's processor.
    pub driver: Option<String>,
    /// Why it could not be opened, where it could not: then there is nothing else.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// How cases and models ended. A device that could not be opened is one failure.
    pub counts: Counts,
    /// A row for each variant of each kernel.
    pub kernels: Vec<Tally>,
    /// Each case; of a soak only those that did not pass.
    pub cases: Vec<CaseFinding>,
    /// Each model.
    pub models: Vec<ModelFinding>,
}

impl DeviceFindings {
    pub(super) fn of(subject: &Subject) -> Self {
        let driver = subject.device().gpu().map(|gpu| {
            let capabilities = gpu.capabilities();
            format!("{}, through {}", capabilities.driver, capabilities.backend)
        });
        Self {
            driver,
            error: None,
            counts: Counts::default(),
            ..Self::unopened(subject.device().name(), String::new())
        }
    }

    /// Of a device that could not be opened, for this reason.
    pub fn unopened(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            driver: None,
            error: Some(reason.into()),
            seconds: 0.0,
            counts: Counts { failed: 1, ..Counts::default() },
            kernels: Vec::new(),
            cases: Vec::new(),
            models: Vec::new(),
        }
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CaseFinding> {
        self.cases.iter().filter(|finding| finding.verdict == Verdict::Failed)
    }

    /// The models that failed.
    pub fn failed_models(&self) -> impl Iterator<Item = &ModelFinding> {
        self.models.iter().filter(|finding| finding.verdict == Verdict::Failed)
    }

    /// Why cases and models of this verdict did not pass, and how many for each reason, in the order in which they came.
    pub fn reasons(&self, verdict: Verdict) -> Vec<(String, usize)> {
        let cases = self.cases.iter().map(|finding| (finding.verdict, &finding.reason));
        let models = self.models.iter().map(|finding| (finding.verdict, &finding.reason));
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for (_, reason) in cases.chain(models).filter(|(found, _)| *found == verdict) {
            let reason = reason.as_deref().unwrap_or_default();
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason.to_owned(), 1)),
            }
        }
        reasons
    }

    /// Counts a case, and keeps it where `keep` says so.
    pub(super) fn add(&mut self, finding: CaseFinding, keep: bool) {
        self.counts.add(finding.verdict);
        let own = |tally: &&mut Tally| tally.kernel == finding.kernel && tally.variant == finding.variant;
        match self.kernels.iter_mut().find(own) {
            Some(tally) => tally.add(&finding),
            None => {
                let mut tally = Tally::new(finding.kernel, finding.variant);
                tally.add(&finding);
                self.kernels.push(tally);
            }
        }
        if keep {
            self.cases.push(finding);
        }
    }

    pub(super) fn add_model(&mut self, finding: ModelFinding) {
        self.counts.add(finding.verdict);
        self.models.push(finding);
    }

    pub(super) fn took(self, time: Duration) -> Self {
        Self { seconds: time.as_secs_f64(), ..self }
    }
}
