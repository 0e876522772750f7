//! The page: one file that shows a run, while it goes on and afterwards.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::figures;
use super::matrices::MatrixSection;
use super::record::{EvaluationRecord, RunRecord, RunState, now};
use super::words;
use crate::report::amounts::{NONE, counted, grouped, three_digits};
use crate::report::{confusion, document};
use crate::tensor::{Result, printable};

/// Seconds after which a page of a run that goes on is loaded again.
const REFRESH: u32 = 15;

/// A row of the table of evaluations.
#[derive(Serialize)]
struct EvaluationRow {
    step: String,
    epoch: String,
    loss: String,
    /// The mean average precision, where videos have any number of labels.
    precision: String,
    /// Of each head.
    top_1: Vec<String>,
    top_5: Vec<String>,
    best: bool,
}

/// The text of the page, written now. It loads nothing from elsewhere and runs no script.
pub(super) fn html(record: &RunRecord) -> Result<String> {
    written_at(record, now())
}

/// The text of the page that is written at a moment, in seconds since 1970.
pub(super) fn written_at(record: &RunRecord, written: f64) -> Result<String> {
    let header = record.header();
    let state = record.state();
    let heads: Vec<String> = header.heads.iter().map(|head| words::plain(&head.head)).collect();
    let values = context! {
        title => title(&header.model),
        model => words::plain(&header.model),
        refresh => (state == RunState::Running).then_some(REFRESH),
        state => match state { RunState::Running => "running", RunState::Done => "done", RunState::Stopped(_) => "stopped" },
        // Nobody is left to correct the page of a run that was killed: it says of a moment what was true then.
        at => (state == RunState::Running).then(|| words::moment(written)),
        sentence => sentence(record),
        share => 100.0 * record.last_step() as f64 / header.steps.max(record.last_step()).max(1) as f64,
        facts => facts(record, written),
        figures => Value::from(Serde(figures::all(record))),
        matrices => Value::from(Serde(MatrixSection::all(record)?)),
        heads => heads,
        precise => record.evaluations().iter().any(|evaluation| evaluation.mean_average_precision.is_some()),
        evaluations => Value::from(Serde(evaluations(record))),
        recipe => recipe(&header.recipe),
        // Matrices are part of the page.
        alone => false,
    };
    let templates =
        [confusion::TEMPLATE, ("plot.html", include_str!("plot.html")), ("page.html", include_str!("page.html"))];
    document::render(&templates, values)
}

/// What is trained, in few words: its description up to where the sizes begin, which stand below the title.
fn title(model: &str) -> String {
    let name = model.split([',', ';', '(']).next().unwrap_or_default();
    let name = name.split_once(" with ").map_or(name, |(name, _)| name);
    format!("Training {}", words::plain(name.trim()))
}

/// What the run is doing, and how far it is.
fn sentence(record: &RunRecord) -> String {
    let (last, steps) = (grouped(record.last_step()), grouped(record.header().steps));
    match record.state() {
        RunState::Done => format!("Done after {}.", counted(record.last_step() as usize, "step")),
        RunState::Stopped(reason) => format!("Stopped after step {last} of {steps}: {}.", words::plain(reason)),
        RunState::Running => match record.seconds_left() {
            Some(seconds) => format!("Step {last} of {steps}, about {} left.", words::duration(seconds)),
            None => format!("Step {last} of {steps}."),
        },
    }
}

fn facts(record: &RunRecord, written: f64) -> Vec<(&'static str, String)> {
    let header = record.header();
    let mut facts = Vec::new();
    if let Some(step) = record.steps().last() {
        facts.push(("epoch", format!("{} of {}", grouped(step.epoch), grouped(header.epochs))));
        facts.push(("loss", words::number(step.loss)));
        facts.push(("clips a second", three_digits(step.clips_per_second)));
    }
    if let Some((best, share)) = best(record) {
        let name = if best.mean_average_precision.is_some() { "best mAP" } else { "best top-1" };
        facts.push((name, format!("{}, after step {}", words::share(share), grouped(best.step))));
    }
    facts.push(("time", words::duration(record.seconds())));
    if header.resumed_after > 0 {
        let (step, moment) = (grouped(header.resumed_after), words::moment(record.last_begun()));
        facts.push(("resumed after", format!("step {step}, {moment}")));
    }
    facts.extend([
        ("device", words::plain(&header.device)),
        ("seed", header.seed.to_string()),
        ("version", words::plain(&header.version)),
    ]);
    facts.extend(header.commit.iter().map(|commit| ("commit", words::plain(commit))));
    facts.extend([("begun", words::moment(header.time)), ("written", words::moment(written))]);
    facts
}

/// The evaluation with the highest score, the first of equal ones.
fn best(record: &RunRecord) -> Option<(&EvaluationRecord, f64)> {
    let shares = record.evaluations().iter().filter_map(|evaluation| Some((evaluation, evaluation.score()?)));
    shares.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// The last one first.
fn evaluations(record: &RunRecord) -> Vec<EvaluationRow> {
    let best = best(record).map(|(best, _)| best.step);
    let row = |evaluation: &EvaluationRecord| EvaluationRow {
        step: grouped(evaluation.step),
        epoch: grouped(evaluation.epoch),
        loss: words::number(evaluation.loss),
        precision: evaluation.mean_average_precision.map_or(NONE.to_owned(), words::share),
        top_1: evaluation.heads.iter().map(|head| words::share(head.top_1)).collect(),
        top_5: evaluation.heads.iter().map(|head| head.top_5.map_or(NONE.to_owned(), words::share)).collect(),
        best: best == Some(evaluation.step),
    };
    record.evaluations().iter().rev().map(row).collect()
}

/// The recipe's lines, each without what does not belong on a page.
fn recipe(text: &str) -> String {
    /// Characters of a line: a recipe has lists, but no books.
    const LONGEST: usize = 2000;
    text.trim_end().lines().map(|line| printable(line, LONGEST)).collect::<Vec<_>>().join("\n")
}
