//! What a benchmark says to people: a block of rows for each size and device, narrow enough for a terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Table;
use tubelet::bench::{
    Benchmark, BenchmarkRow, Ceilings, Clock, MeasuredDevice, RowMeasurement, RowOutcome, Verification, Work,
};
use tubelet::kernels::Precision;

use crate::cli::output;

/// All of it.
pub(super) fn describe(benchmark: &Benchmark) -> String {
    let mut blocks: Vec<_> = benchmark.devices.iter().map(|device| device_facts(benchmark, device)).collect();
    let mut rows = &benchmark.rows[..];
    while let Some(first) = rows.first() {
        let length = rows.iter().take_while(|row| together(first, row)).count();
        blocks.push(block(benchmark, &rows[..length]));
        rows = &rows[length..];
    }
    let kinds = [(is_model as fn(&BenchmarkRow) -> bool, "a pass"), (is_step, "a training step")];
    for (is, what) in kinds {
        if let [row] = benchmark.rows.iter().filter(|row| is(row)).collect::<Vec<_>>()[..] {
            blocks.extend(row.measurement().and_then(|measurement| time_by_kernel(what, measurement)));
        }
    }
    blocks.push(footnotes(benchmark));
    blocks.join("\n\n")
}

fn is_model(row: &BenchmarkRow) -> bool {
    matches!(row.work, Work::Model(_))
}

fn is_step(row: &BenchmarkRow) -> bool {
    matches!(row.work, Work::TrainingStep(_))
}

/// Whether two rows stand in one block.
fn together(one: &BenchmarkRow, other: &BenchmarkRow) -> bool {
    let same = match (&one.work, &other.work) {
        (Work::Model(one) | Work::TrainingStep(one), Work::Model(other) | Work::TrainingStep(other)) => {
            one.frames == other.frames
        }
        (Work::Attention(one), Work::Attention(other)) => one.frames == other.frames,
        (Work::Kernel { kernel: one, .. }, Work::Kernel { kernel: other, .. }) => one == other,
        _ => false,
    };
    // Kernels have their cases of both precisions together.
    let precise = one.precision == other.precision || matches!(one.work, Work::Kernel { .. });
    same && precise && one.device == other.device
}

fn device_facts(benchmark: &Benchmark, device: &MeasuredDevice) -> String {
    let mut facts = vec![("device", device.name.clone())];
    if let Some(capabilities) = &device.capabilities {
        let checks = if benchmark.settings.checks { "on" } else { "off" };
        facts.push(("driver", format!("{}, through {}", capabilities.driver, capabilities.backend)));
        facts.push(("checks", format!("{checks} at run time")));
    }
    let second = if device.computes_on_cpu { "CPU second" } else { "second" };
    let of =
        |get: fn(&Ceilings) -> f64| format!("{} before, {} after", giga(get(&device.before)), giga(get(&device.after)));
    facts.push((
        "ceilings",
        format!(
            "GFLOP a {second}: {}\nGB a {second}: {} ({} rotating)\nlaunch: {} before, {} after",
            of(|ceilings| ceilings.operations_per_second),
            of(|ceilings| ceilings.bytes_per_second),
            output::bytes(device.before.copied_bytes),
            elapsed(device.before.launch_seconds),
            elapsed(device.after.launch_seconds),
        ),
    ));
    output::facts(&facts)
}

/// Rows of one size on one device.
fn block(benchmark: &Benchmark, rows: &[BenchmarkRow]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let clock = rows.iter().find_map(BenchmarkRow::measurement).map_or(Clock::Wall, |measurement| measurement.clock);
    let device = benchmark.devices.get(first.device).map_or("", |device| &device.name);
    let mut table = output::table(&titles(&first.work, clock));
    for row in rows {
        table.add_row(match &row.outcome {
            RowOutcome::Measured(measurement) => measured(row, measurement),
            RowOutcome::Wrong { .. } => vec![label(row), "WRONG".to_owned()],
            RowOutcome::Impossible { .. } => vec![label(row), "cannot be".to_owned()],
            RowOutcome::Failed { .. } => vec![label(row), "FAILED".to_owned()],
            _ => vec![label(row)],
        });
    }
    let reasons = rows.iter().filter_map(|row| Some(format!("  {}: {}", name(row), reason(&row.outcome)?)));
    let lines = [format!("{}\non {device}", heading(first)), printed(&table)];
    lines.into_iter().chain(reasons).collect::<Vec<_>>().join("\n")
}

fn printed(table: &Table) -> String {
    table.trim_fmt().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn heading(row: &BenchmarkRow) -> String {
    let weights = match row.precision {
        Precision::F32 => String::new(),
        other => format!(", weights in {}", other.weights()),
    };
    match &row.work {
        Work::Model(work) | Work::TrainingStep(work) => {
            let [frames, rows, columns] = work.tubelet;
            let batch = if work.batch == 1 { String::new() } else { format!(", {} clips", work.batch) };
            format!(
                "{}: {} frames of {}×{}, tubelets of {frames}×{rows}×{columns}, {} tokens{batch}{weights}",
                work.backbone, work.frames, work.rows, work.columns, work.tokens
            )
        }
        Work::Attention(work) => match work.frames {
            Some(frames) => {
                format!("attention alone: {frames} frames, {} heads of {}", work.heads, work.head_width)
            }
            None => format!("attention alone: {}, as llama.cpp times it", work.name),
        },
        Work::Kernel { kernel, .. } => format!("kernel {kernel}"),
        _ => row.work.title(),
    }
}

fn titles(work: &Work, clock: Clock) -> Vec<&'static str> {
    let milliseconds = match clock {
        Clock::Device => " GPU ms",
        Clock::Cpu => " CPU ms",
        _ => " ms",
    };
    match work {
        Work::Model(_) | Work::TrainingStep(_) => {
            vec!["model", milliseconds, " 20–80 %", " clips/s", " GFLOP/s", " GMAC", " roofline", " memory", " error"]
        }
        Work::Attention(_) => {
            vec!["form", milliseconds, " 20–80 %", " wall ms", " GFLOP/s", " GMAC", " roofline", " error"]
        }
        _ => vec!["case", milliseconds, " 20–80 %", " wall ms", " GFLOP/s", " GB/s", " roofline", " error"],
    }
}

fn name(row: &BenchmarkRow) -> String {
    match &row.work {
        Work::Model(work) => format!("{} {}", work.number, work.kind),
        Work::TrainingStep(work) => format!("{} {}, training step", work.number, work.kind),
        Work::Attention(work) if work.frames.is_none() => "joint".to_owned(),
        Work::Attention(work) => work.name.clone(),
        Work::Kernel { case, .. } => {
            let variant = row.measurement().and_then(|measurement| measurement.calls.first());
            let variant = variant.map_or(String::new(), |call| format!(" ({})", call.variant));
            let weights = if row.precision == Precision::F32 { "" } else { ", f16" };
            format!("{case}{variant}{weights}")
        }
        _ => String::new(),
    }
}

/// What stands in its line: of a training step, which follows its forward pass, how many times as long it takes.
fn label(row: &BenchmarkRow) -> String {
    let ratio = row.measurement().and_then(|measurement| measurement.times_forward);
    match (is_step(row), ratio) {
        (true, Some(ratio)) => format!("  step, {} × forward", output::three_digits(ratio)),
        (true, None) => "  step".to_owned(),
        (false, _) => name(row),
    }
}

/// What makes a reader careful: its footnote says more.
const NOT_SETTLED: &str = "¹";
const NOT_ENOUGH: &str = "²";

fn measured(row: &BenchmarkRow, measurement: &RowMeasurement) -> Vec<String> {
    let RowMeasurement { median, low, high, cost, shares, samples, warm_up, enough, .. } = measurement;
    let rate = |amount: u64| giga(amount as f64 / median.max(f64::MIN_POSITIVE));
    let wall = median_of(&samples.wall);
    let marks = [(!warm_up.settled, NOT_SETTLED), (!enough, NOT_ENOUGH)];
    let marks: String = marks.into_iter().filter(|(marked, _)| *marked).map(|(_, mark)| mark).collect();
    let spread = format!("{}–{}{marks}", milliseconds(*low), milliseconds(*high));
    let roofline = format!("{:.0} %", 100.0 * shares.roofline);
    let error = farthest(&measurement.verified);
    let begin = vec![label(row), milliseconds(*median), spread];
    let multiply_accumulates = giga(cost.multiply_accumulates as f64);
    let rest = match &row.work {
        Work::Model(work) | Work::TrainingStep(work) => {
            let clips = output::three_digits(work.batch as f64 / wall.max(f64::MIN_POSITIVE));
            let memory =
                measurement.memory.map_or(String::new(), |memory| output::bytes(memory.weights + memory.values));
            vec![clips, rate(cost.operations), multiply_accumulates, roofline, memory, error]
        }
        Work::Attention(_) => vec![milliseconds(wall), rate(cost.operations), multiply_accumulates, roofline, error],
        _ => vec![milliseconds(wall), rate(cost.operations), rate(cost.read + cost.written), roofline, error],
    };
    begin.into_iter().chain(rest).collect()
}

/// The largest distance that a check found.
fn farthest(verified: &[Verification]) -> String {
    let errors = verified.iter().map(|verification| verification.relative_l2);
    errors.reduce(f64::max).map_or_else(|| "unchecked".to_owned(), |error| format!("{error:.0e}"))
}

fn reason(outcome: &RowOutcome) -> Option<String> {
    match outcome {
        RowOutcome::Wrong { reason, .. } => Some(format!("struck out: {reason}")),
        RowOutcome::Impossible { reason } => Some(reason.clone()),
        RowOutcome::Failed { reason } => Some(format!("failed: {reason}")),
        _ => None,
    }
}

/// Where the time of `what` goes.
fn time_by_kernel(what: &str, measurement: &RowMeasurement) -> Option<String> {
    let mut kernels: BTreeMap<(&str, &str), (usize, u64, f64)> = BTreeMap::new();
    for call in &measurement.calls {
        let (calls, operations, seconds) = kernels.entry((&call.kernel, &call.variant)).or_default();
        *calls += 1;
        *operations += call.operations;
        *seconds += call.seconds;
    }
    let mut kernels: Vec<_> = kernels.into_iter().collect();
    kernels.sort_by(|(_, one), (_, other)| other.2.total_cmp(&one.2));
    let all: f64 = kernels.iter().map(|(_, (.., seconds))| seconds).sum();
    let mut table = output::table(&["kernel", "variant", " calls", " GFLOP", " time", " share"]);
    for ((kernel, variant), (calls, operations, seconds)) in kernels {
        table.add_row([
            kernel.to_owned(),
            variant.to_owned(),
            calls.to_string(),
            giga(operations as f64),
            elapsed(seconds),
            format!("{:.1} %", 100.0 * seconds / all.max(f64::MIN_POSITIVE)),
        ]);
    }
    (all > 0.0).then(|| format!("where the time of {what} goes\n{}", printed(&table)))
}

/// What the figures mean, and what a reader must know of them.
fn footnotes(benchmark: &Benchmark) -> String {
    let settings = &benchmark.settings;
    let measurements: Vec<_> = benchmark.rows.iter().filter_map(BenchmarkRow::measurement).collect();
    let has = |is: fn(&RowMeasurement) -> bool| measurements.iter().any(|measurement| is(measurement));
    let start = match settings.cold {
        true => "each sample begins anew: compiling and loading are in it",
        false => "warmed up; rows of a block were sampled in turn",
    };
    let mut notes = vec![
        format!("medians; {start}; at most {} s a row", settings.row_seconds),
        "GFLOP: a multiply-add is two operations; GMAC: one, in products and attention alone".to_owned(),
        "error: the farthest of the checks, relative L2; roofline: of what the better ceilings allow".to_owned(),
    ];
    if benchmark.rows.iter().any(is_step) {
        notes.push(
            "step: forward, backward and update of the weights, in turn with the forward pass; GMAC of all".to_owned(),
        );
    }
    if has(|measurement| measurement.clock == Clock::Cpu) {
        notes.push("where the processor computes, rates and shares are of CPU seconds of the process".to_owned());
    }
    if has(|measurement| !measurement.warm_up.settled) {
        notes.push(format!(
            "{NOT_SETTLED} half of the row's time was spent before three successive medians agreed within 2 %"
        ));
    }
    if has(|measurement| !measurement.enough) {
        notes.push(format!("{NOT_ENOUGH} fewer than 20 samples and less than 2 s of them"));
    }
    if !settings.sizing.is_empty() {
        notes.push(settings.sizing.clone());
    }
    notes.extend(benchmark.notes.iter().cloned());
    notes.join("\n")
}

fn median_of(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        length => 0.5 * (sorted[(length - 1) / 2] + sorted[length / 2]),
    }
}

fn giga(amount: f64) -> String {
    output::three_digits(amount * 1e-9)
}

fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1e3;
    if milliseconds < 1.0 { format!("{milliseconds:.3}") } else { output::three_digits(milliseconds) }
}

fn elapsed(seconds: f64) -> String {
    output::seconds(Duration::from_secs_f64(seconds.max(0.0)))
}
