//! The page: one file that shows a result.

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::super::{Benchmark, BenchmarkRow};
use super::amounts::{NONE, operations_per_second, percent, seconds};
use super::bars::{MemoryBar, Passes};
use super::comparing::clocked;
use super::errors::Errors;
use super::figures;
use super::growth::Growth;
use super::plot::{Figure, Plot, mark};
use super::series::Series;
use super::words;
use crate::report::document;
use crate::tensor::Result;

mod facts;
mod papers;

/// The text of the page. It loads nothing from elsewhere and runs no script.
pub(super) fn html(benchmark: &Benchmark) -> Result<String> {
    let devices: Vec<DeviceSection> =
        (0..benchmark.devices.len()).map(|index| DeviceSection::of(benchmark, index)).collect();
    let values = context! {
        title => "ViViT’s four models, measured",
        lead => facts::lead(benchmark),
        facts => facts::of_run(benchmark),
        papers => Serde(papers::all(benchmark)),
        devices => Serde(devices),
        method => facts::method(benchmark),
        notes => benchmark.notes.iter().map(|note| words::plain(note)).collect::<Vec<_>>(),
        command => facts::command(benchmark),
    };
    document::render(&[("plot.html", include_str!("plot.html")), ("page.html", include_str!("page.html"))], values)
}

/// Everything about one device.
#[derive(Serialize)]
struct DeviceSection {
    name: String,
    facts: Vec<(&'static str, String)>,
    limits: Vec<(&'static str, String)>,
    figures: Vec<FigureSection>,
    passes: Option<Passes>,
    memory: MemorySection,
    errors: Option<Errors>,
    rows: Vec<ShownRow>,
}

/// A plot for each kind of screen, and the laws that are fitted to its lines.
#[derive(Serialize)]
struct FigureSection {
    heading: &'static str,
    sentence: String,
    plots: Vec<Plot>,
    laws: Vec<Law>,
}

#[derive(Serialize)]
struct Law {
    colour: usize,
    mark: String,
    name: String,
    exponent: String,
    sizes: usize,
}

#[derive(Serialize)]
struct MemorySection {
    bars: Vec<MemoryBar>,
    plots: Vec<Plot>,
}

/// A row of the table.
#[derive(Default, Serialize)]
struct ShownRow {
    name: String,
    sizes: String,
    precision: String,
    /// `wrong`, `impossible`, `failed`.
    trouble: Option<&'static str>,
    reason: String,
    median: String,
    spread: String,
    samples: String,
    rate: String,
    arithmetic: String,
    bandwidth: String,
    roofline: String,
    verified: String,
}

impl DeviceSection {
    fn of(benchmark: &Benchmark, index: usize) -> Self {
        let series = Series::of_device(benchmark, index);
        let (mut models, others): (Vec<_>, Vec<_>) = series.into_iter().partition(|series| series.model.is_some());
        models.sort_by_key(|series| series.steps);
        let (passes, steps) = models.split_at(models.partition_point(|series| !series.steps));
        let device = &benchmark.devices[index];
        let name = words::plain(&device.name);
        let time = |heading, series: &[Series<'_>], what: &str| {
            let title = format!("the time of {what} against tokens on {name}");
            let sentence = facts::of_latency(series, device);
            FigureSection::with_laws(heading, sentence, &figures::latency(series, title), series)
        };
        let figures = [
            time("Time against tokens", passes, "the models"),
            time("Training steps", steps, "training steps"),
            time("Attention alone", &others, "attention"),
            Self::roofline(benchmark, index, &models, &others),
        ];
        let memory = figures::memory(&models, format!("memory of the models against tokens on {name}"));
        Self {
            facts: facts::of_device(device),
            limits: device.capabilities.as_ref().map(facts::limits).unwrap_or_default(),
            figures: figures.into_iter().filter(|figure| !figure.plots.is_empty()).collect(),
            passes: Passes::of(&models),
            memory: MemorySection { bars: MemoryBar::all(&models), plots: memory.plots() },
            errors: Errors::of(benchmark, index),
            rows: benchmark.rows.iter().filter(|row| row.device == index).map(ShownRow::of).collect(),
            name,
        }
    }

    fn roofline(benchmark: &Benchmark, index: usize, models: &[Series<'_>], others: &[Series<'_>]) -> FigureSection {
        let series: Vec<&Series<'_>> = models.iter().chain(others).collect();
        let figure = figures::roofline(benchmark, index, &series);
        let sentence = "Models and attention at their most tokens, and kernels, below what the device can. Bytes are those \
            of all inputs, weights and outputs of every call; what stays in a cache can lie above the slope.";
        let plots = figure.map(|figure| figure.plots()).unwrap_or_default();
        FigureSection { heading: "Roofline", sentence: sentence.to_owned(), plots, laws: Vec::new() }
    }
}

impl FigureSection {
    fn with_laws(heading: &'static str, sentence: String, figure: &Figure, series: &[Series<'_>]) -> Self {
        let law = |series: &Series<'_>| {
            let growth = Growth::of(series);
            let (name, exponent) = (series.name.clone(), growth.describe());
            Law { colour: series.colour, mark: mark([0.0, 0.0], series.colour), name, exponent, sizes: growth.sizes }
        };
        Self { heading, sentence, plots: figure.plots(), laws: series.iter().map(law).collect() }
    }
}

impl ShownRow {
    fn of(row: &BenchmarkRow) -> Self {
        let trouble = words::trouble(&row.outcome);
        let shown = Self {
            name: words::title(&row.work),
            sizes: words::sizes(&row.work),
            precision: words::precision(row.precision),
            trouble: trouble.as_ref().map(|(word, _)| *word),
            reason: trouble.map(|(_, reason)| reason).unwrap_or_default(),
            ..Self::default()
        };
        let Some(times) = row.measurement() else { return shown };
        let unsettled = if times.warm_up.settled { "" } else { ", not settled" };
        let few = if times.enough { "" } else { ", few" };
        let verified: Vec<String> = times.verified.iter().map(|check| words::plain(&check.against)).collect();
        Self {
            median: format!("{}{}{unsettled}", seconds(times.median), words::times_forward(times)),
            spread: format!("{} to {}", seconds(times.low), seconds(times.high)),
            samples: format!("{}{few}, {}", clocked(times).len(), words::clock(times.clock)),
            rate: operations_per_second(times.cost.operations as f64 / times.median),
            arithmetic: percent(times.shares.arithmetic),
            bandwidth: percent(times.shares.bandwidth),
            roofline: percent(times.shares.roofline),
            verified: if verified.is_empty() { NONE.to_owned() } else { verified.join("; ") },
            ..shown
        }
    }
}

#[cfg(test)]
mod tests;
