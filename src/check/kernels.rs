//! A run on one device: every case of every variant, then the models, then random shapes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::case::Trial;
use super::checks::{Checks, Watch};
use super::evidence::{self, Evidence};
use super::finding::{CaseFinding, ModelFinding, Verdict};
use super::models::ModelCase;
use super::report::DeviceFindings;
use super::shrink::{Patience, smallest};
use super::subject::{Examined, Implementation, Subject, caught};
use crate::kernels::Case;
use crate::kernels::suite::Expectation;

/// A run on one device, under way.
pub(super) struct Session<'a> {
    pub(super) checks: &'a Checks,
    pub(super) subject: &'a Subject,
    pub(super) watch: &'a mut dyn Watch,
    pub(super) findings: DeviceFindings,
    /// Why the device is gone, once it is.
    pub(super) lost: Option<String>,
    /// When random shapes began to run until the time is over.
    pub(super) soaking: Option<Instant>,
    /// How often each variant has failed.
    failures: HashMap<(&'static str, &'static str), usize>,
}

/// A case that fails, with all that shows it.
struct Failing {
    trial: Trial,
    expected: Expectation,
    examined: Examined,
}

/// Failures of a variant that get a folder each; more would say the same again.
const FOLDERS: usize = 3;
/// Runs to find a random shape that fails where a declared one does, and to make it small; and how long that may take.
const RUNS: usize = 400;
const TIME: Duration = Duration::from_secs(20);
/// Random shapes among these runs, before one has failed.
const SEARCHED: u64 = 120;

impl<'a> Session<'a> {
    pub(super) fn new(checks: &'a Checks, subject: &'a Subject, watch: &'a mut dyn Watch) -> Self {
        let findings = DeviceFindings::of(subject);
        Self { checks, subject, watch, findings, lost: None, soaking: None, failures: HashMap::new() }
    }

    pub(super) fn run(mut self) -> DeviceFindings {
        let begun = Instant::now();
        let Checks { families, seed, shapes, models, .. } = self.checks;
        let trials: Vec<_> = families.iter().flat_map(|family| Trial::of(family, *seed, *shapes)).collect();
        let steps = trials.iter().map(|trial| self.implementations(&trial.case).len()).sum::<usize>() + models.len();
        self.watch.begin(&self.findings.name, steps as u64);
        for trial in &trials {
            self.trial(trial, true);
        }
        for model in models {
            self.model(model);
        }
        self.soak();
        self.findings.took(begun.elapsed())
    }

    pub(super) fn implementations(&self, case: &Case) -> Vec<Implementation> {
        self.subject.implementations(case, &self.checks.options.variants)
    }

    /// Says what comes next, and after how many cases, or seconds where those count.
    fn say(&mut self, what: &str) {
        let cases = self.findings.counts.total() as u64;
        self.watch.next(what, self.soaking.map_or(cases, |begun| begun.elapsed().as_secs()));
    }

    /// Why what is left is not run.
    pub(super) fn stopped(&self) -> Option<String> {
        let lost = self.lost.as_ref().map(|reason| format!("not run after a failure: {reason}"));
        lost.or_else(|| self.watch.interrupted().then(|| "interrupted".to_owned()))
    }

    /// A case by everything that computes it. `keep` says whether it is listed where it passes.
    pub(super) fn trial(&mut self, trial: &Trial, keep: bool) {
        let mut expected = None;
        for implementation in self.implementations(&trial.case) {
            let what = format!("{} {} {}", trial.family.name, implementation.name(), trial.case.name);
            self.say(&what);
            let finding = match (self.stopped(), self.subject.missing(&trial.case, implementation)) {
                (Some(reason), _) => finding(trial, implementation, Verdict::Skipped, reason),
                (None, Some(reason)) => finding(trial, implementation, Verdict::Unsupported, reason),
                (None, None) => {
                    let expected = expected.get_or_insert_with(|| caught(|| Expectation::of(&trial.case)));
                    match expected {
                        Ok(expected) => self.examine(trial, implementation, expected),
                        Err(error) => {
                            let reason = format!("the reference cannot compute it: {error}");
                            finding(trial, implementation, Verdict::Failed, reason)
                        }
                    }
                }
            };
            let keep = keep || finding.verdict != Verdict::Passed;
            self.findings.add(finding, keep);
        }
    }

    fn examine(&mut self, trial: &Trial, implementation: Implementation, expected: &Expectation) -> CaseFinding {
        let examined = self.subject.examine(&trial.case, implementation, expected);
        let mut finding = CaseFinding {
            measurement: examined.measurement.clone(),
            ..finding(trial, implementation, examined.verdict, examined.reason.clone().unwrap_or_default())
        };
        if examined.lost {
            self.lost = examined.reason.clone();
        }
        if examined.verdict == Verdict::Failed {
            let failing = Failing { trial: trial.clone(), expected: expected.clone(), examined };
            self.show(failing, implementation, &mut finding);
        }
        finding
    }

    /// Finds the smallest shape that fails, and writes what shows it.
    fn show(&mut self, failing: Failing, implementation: Implementation, finding: &mut CaseFinding) {
        let failures = self.failures.entry((finding.kernel, finding.variant)).or_default();
        *failures += 1;
        let times = *failures;
        let smaller = match self.lost.is_none() && times == 1 {
            true => self.smaller(&failing, implementation),
            false => None,
        };
        let shown = smaller.unwrap_or(failing);
        finding.smallest = Some(shown.trial.describe());
        finding.decisions.clone_from(&shown.trial.decisions);
        if let Some(root) = self.checks.evidence.as_deref().filter(|_| times <= FOLDERS) {
            let written = Evidence::of_case(self.subject, implementation, finding, &shown.trial);
            let written = written.and_then(|evidence| {
                let tensors = evidence::case_tensors(shown.trial.family, &shown.expected, &shown.examined.actual);
                evidence.tensors(tensors).write(root)
            });
            match written {
                Ok(folder) => finding.evidence = Some(folder),
                Err(error) => finding.explain(&format!("what shows it could not be written: {error}")),
            }
        }
    }

    /// The smallest failing case that is found: from `failing` where it was drawn, else from the first random shape that
    /// fails too. `None` where there is none.
    fn smaller(&self, failing: &Failing, implementation: Implementation) -> Option<Failing> {
        let (family, mut patience) = (failing.trial.family, Patience::new(RUNS, TIME));
        let start = match failing.trial.decisions {
            Some(_) => self.fails(failing.trial.clone(), implementation),
            None => (0..SEARCHED).find_map(|number| {
                let trial = Trial::random(family, self.checks.seed, number).filter(|_| patience.one_more())?;
                self.fails(trial, implementation)
            }),
        };
        let mut last = start?;
        let (name, decisions) = (last.trial.case.name.clone(), last.trial.decisions.clone()?);
        // A failure that comes and goes is shown as it came.
        smallest(decisions, &mut patience, &mut |candidate| {
            let failing = self.fails(Trial::recorded(family, &name, candidate)?, implementation)?;
            let taken = failing.trial.decisions.clone()?;
            if Some(&taken) < last.trial.decisions.as_ref() {
                last = failing;
            }
            Some(taken)
        });
        Some(last)
    }

    /// What shows that `trial` fails; `None` where it does not.
    fn fails(&self, trial: Trial, implementation: Implementation) -> Option<Failing> {
        if self.watch.interrupted() || self.subject.missing(&trial.case, implementation).is_some() {
            return None;
        }
        let expected = caught(|| Expectation::of(&trial.case)).ok()?;
        let examined = self.subject.examine(&trial.case, implementation, &expected);
        let fails = examined.verdict == Verdict::Failed && !examined.lost;
        fails.then_some(Failing { trial, expected, examined })
    }

    fn model(&mut self, model: &ModelCase) {
        self.say(&model.name);
        let finding = match self.stopped() {
            Some(reason) => ModelFinding::without_calls(&model.name, Verdict::Skipped, reason),
            None => {
                let (finding, lost) = model.check(self.subject, &self.checks.options, self.checks.evidence.as_deref());
                if lost {
                    self.lost.clone_from(&finding.reason);
                }
                finding
            }
        };
        self.findings.add_model(finding);
    }
}

/// What is known of a case before it has run, or where it has not.
pub(super) fn finding(trial: &Trial, implementation: Implementation, verdict: Verdict, reason: String) -> CaseFinding {
    CaseFinding {
        kernel: trial.family.name,
        variant: implementation.name(),
        case: trial.case.name.clone(),
        verdict,
        reason: (verdict != Verdict::Passed).then_some(reason),
        measurement: None,
        smallest: None,
        decisions: trial.decisions.clone(),
        evidence: None,
    }
}
