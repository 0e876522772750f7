//! What a training shows while it goes on.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use tubelet::eval::{Metrics, Task};
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::train::report::{EvaluationRecord, HeadEvaluation, RunReport, StepRecord};
use tubelet::train::{Onlooker, TrainedStep, ValidationOutcome};

use crate::cli::interruption::interrupted;
use crate::cli::output;
use crate::cli::progress::LongRun;

/// Writes the run's own files, and shows how far it is.
pub(super) struct Terminal {
    report: RunReport,
    progress: LongRun,
    task: Task,
    /// Whether each step is a line of JSON on stdout.
    json: bool,
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    kind: &'static str,
    #[serde(flatten)]
    of: &'a T,
}

#[derive(Serialize)]
struct Saved {
    step: u64,
    path: String,
}

impl Terminal {
    /// For a run of `total` steps of which `done` were done before.
    pub(super) fn new(report: RunReport, task: &Task, [done, total]: [u64; 2], json: bool) -> Self {
        Self { report, progress: LongRun::begin(total, done), task: task.clone(), json }
    }

    /// The run's own files; what is shown goes.
    pub(super) fn into_report(self) -> RunReport {
        self.report
    }

    fn line(&self, kind: &'static str, of: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        match self.progress.beside(|| output::json_line(&Line { kind, of }))? {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::new(ErrorKind::Interrupted, "nobody reads the steps any more")),
        }
    }
}

impl Onlooker for Terminal {
    fn step(&mut self, step: &TrainedStep) -> Result<()> {
        let record = StepRecord::new(step.step, step.epoch, step.loss as f32, step.rate)
            .accuracy(step.accuracy.map(|share| share as f32))
            .gradient_norm(step.norm as f32)
            .seconds(step.clips, step.waited.as_secs_f64(), step.computed.as_secs_f64());
        self.line("step", &record)?;
        self.report.step(record)?;
        let run = self.report.record();
        self.progress.show(step.step, run.headline(), || run.progress());
        Ok(())
    }

    fn evaluated(&mut self, step: u64, epoch: u64, outcome: &ValidationOutcome) -> Result<()> {
        let metrics = &outcome.metrics;
        let record = EvaluationRecord::new(step, epoch, metrics.videos() as u64, outcome.loss as f32);
        let precision = metrics.summary().figures.into_iter().find(|figure| figure.name == "mAP");
        let record = record.heads(heads(&self.task, metrics));
        let record = record.mean_average_precision(precision.and_then(|figure| figure.value));
        self.line("evaluation", &record)?;
        if !self.json {
            let figures = metrics.headline().into_iter();
            let figures =
                figures.filter_map(|figure| Some(format!(", {} {:.1} %", figure.name, 100.0 * figure.value?)));
            let line = format!("epoch {epoch}: loss {:.4}{}", outcome.loss, figures.collect::<String>());
            self.progress.beside(|| output::tell(&line));
        }
        self.report.evaluation(record)
    }

    fn saved(&mut self, step: u64, path: &Path) -> Result<()> {
        self.line("checkpoint", &Saved { step, path: path.display().to_string() })
    }

    fn interrupted(&self) -> bool {
        interrupted()
    }
}

/// What an evaluation says of each head.
fn heads(task: &Task, metrics: &Metrics) -> Vec<HeadEvaluation> {
    let figures = metrics.summary().figures;
    let (names, alone) = (task.heads(), task.heads().len() == 1);
    let of_head = |(counts, head): (Vec<[u64; 3]>, &tubelet::vivit::LabelHead)| {
        let name = if alone { "top-5".to_owned() } else { format!("{} top-5", head.name) };
        let top_5 = figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.value);
        HeadEvaluation::new(counts).top_5(top_5)
    };
    metrics.confusion().into_iter().zip(&names).map(of_head).collect()
}
