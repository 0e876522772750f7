//! A line a row.

use super::super::{
    AttentionWork, Benchmark, BenchmarkRow, MeasuredDevice, ModelWork, RowMeasurement, RowMemory, Verification, Work,
};
use super::comparing::clocked;
use super::escaping::csv_cell;
use super::words;
use crate::tensor::{Error, Result};

/// The rows as CSV, a line each below their titles; seconds, operations and bytes without units. A text that a spreadsheet
/// would take for a formula has an apostrophe before it.
///
/// # Errors
///
/// None that a result can cause.
pub fn csv(benchmark: &Benchmark) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::usage(format!("the rows cannot be written as CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(title, _)| title)).map_err(|error| failed(&error))?;
    for row in &benchmark.rows {
        let Some(device) = benchmark.devices.get(row.device) else { continue };
        let line = Line { device, row };
        writer.write_record(COLUMNS.map(|(_, cell)| cell(line))).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// What a line is made of.
#[derive(Clone, Copy)]
struct Line<'a> {
    device: &'a MeasuredDevice,
    row: &'a BenchmarkRow,
}

/// The title and the cell of each column.
type Column = (&'static str, fn(Line<'_>) -> String);

const COLUMNS: [Column; 40] = [
    ("device", |line| csv_cell(&line.device.name)),
    ("driver", |line| line.device.capabilities.as_ref().map_or(String::new(), |known| csv_cell(&known.driver))),
    ("of", |line| line.kind().to_owned()),
    ("work", |line| csv_cell(&words::title(&line.row.work))),
    ("sizes", |line| csv_cell(&words::sizes(&line.row.work))),
    ("model", |line| line.model(|model| model.number.to_string())),
    ("backbone", |line| line.model(|model| csv_cell(&model.backbone))),
    ("batch", |line| line.model(|model| model.batch.to_string())),
    ("frames", |line| line.model(|model| model.frames.to_string())),
    ("rows", |line| line.model(|model| model.rows.to_string())),
    ("columns", |line| line.model(|model| model.columns.to_string())),
    ("sequences", |line| line.attention(|attention| attention.sequences)),
    ("tokens", |line| line.tokens()),
    ("heads", |line| line.attention(|attention| attention.heads)),
    ("head_width", |line| line.attention(|attention| attention.head_width)),
    ("precision", |line| line.row.precision.to_string()),
    ("outcome", |line| words::trouble(&line.row.outcome).map_or("measured", |(word, _)| word).to_owned()),
    ("reason", |line| words::trouble(&line.row.outcome).map_or(String::new(), |(_, reason)| csv_cell(&reason))),
    ("clock", |line| line.times(|times| format!("{:?}", times.clock).to_lowercase())),
    ("samples", |line| line.times(|times| clocked(times).len().to_string())),
    ("median_seconds", |line| line.times(|times| times.median.to_string())),
    ("low_seconds", |line| line.times(|times| times.low.to_string())),
    ("high_seconds", |line| line.times(|times| times.high.to_string())),
    ("warm_up_runs", |line| line.times(|times| times.warm_up.runs.to_string())),
    ("settled", |line| line.times(|times| times.warm_up.settled.to_string())),
    ("enough", |line| line.times(|times| times.enough.to_string())),
    ("operations", |line| line.times(|times| times.cost.operations.to_string())),
    ("multiply_accumulates", |line| line.times(|times| times.cost.multiply_accumulates.to_string())),
    ("bytes_read", |line| line.times(|times| times.cost.read.to_string())),
    ("bytes_written", |line| line.times(|times| times.cost.written.to_string())),
    ("share_of_arithmetic", |line| line.times(|times| times.shares.arithmetic.to_string())),
    ("share_of_bandwidth", |line| line.times(|times| times.shares.bandwidth.to_string())),
    ("share_of_roofline", |line| line.times(|times| times.shares.roofline.to_string())),
    ("verified", |line| line.times(|times| times.verified.iter().all(|check| check.passed).to_string())),
    ("relative_l2", |line| line.worst(|check| check.relative_l2)),
    ("bound", |line| line.worst(|check| check.bound)),
    ("weight_bytes", |line| line.memory(|memory| Some(memory.weights))),
    ("value_bytes", |line| line.memory(|memory| Some(memory.values))),
    ("process_peak_bytes", |line| line.memory(|memory| memory.process_peak)),
    ("times_forward", |line| {
        line.times(|times| times.times_forward.map_or_else(String::new, |ratio| ratio.to_string()))
    }),
];

/// Cells that do not apply are empty.
impl Line<'_> {
    fn kind(self) -> &'static str {
        match self.row.work {
            Work::Model(_) => "model",
            Work::TrainingStep(_) => "training_step",
            Work::Attention(_) => "attention",
            Work::Kernel { .. } => "kernel",
        }
    }

    fn model(self, cell: fn(&ModelWork) -> String) -> String {
        self.row.work.model().map_or_else(String::new, cell)
    }

    fn attention(self, cell: fn(&AttentionWork) -> usize) -> String {
        if let Work::Attention(attention) = &self.row.work { cell(attention).to_string() } else { String::new() }
    }

    fn tokens(self) -> String {
        match &self.row.work {
            Work::Model(model) | Work::TrainingStep(model) => model.tokens.to_string(),
            Work::Attention(attention) => attention.tokens.to_string(),
            Work::Kernel { .. } => String::new(),
        }
    }

    fn times(self, cell: fn(&RowMeasurement) -> String) -> String {
        self.row.measurement().map(cell).unwrap_or_default()
    }

    /// Of the comparison that is the nearest to its bound.
    fn worst(self, cell: fn(&Verification) -> f64) -> String {
        let verified = self.row.measurement().map(|times| times.verified.as_slice()).unwrap_or_default();
        let share = |check: &Verification| check.relative_l2 / check.bound;
        let worst = verified.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
        worst.map_or(String::new(), |check| format!("{:e}", cell(check)))
    }

    fn memory(self, cell: fn(&RowMemory) -> Option<u64>) -> String {
        let memory = self.row.measurement().and_then(|times| times.memory.as_ref());
        memory.and_then(cell).map_or(String::new(), |bytes| bytes.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_row_has_a_line_with_all_columns() {
        let benchmark = sample::benchmark();
        let text = csv(&benchmark).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let titles: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(lines.len(), benchmark.rows.len());
        let cell = |line: usize, title: &str| {
            let column = titles.iter().position(|other| other == title).unwrap();
            lines[line].get(column).unwrap().to_owned()
        };
        assert_eq!((cell(0, "of"), cell(0, "model"), cell(0, "tokens")), ("model".into(), "1".into(), "784".into()));
        let median = benchmark.rows[0].measurement().unwrap().median;
        assert_eq!(cell(0, "median_seconds").parse(), Ok(median));
        assert_eq!(cell(0, "device"), "<script>alert(1)</script> | GPU");
        assert_eq!(cell(0, "relative_l2").parse(), Ok(6.2e-7));
        let wrong =
            benchmark.rows.iter().position(|row| words::trouble(&row.outcome).is_some_and(|(word, _)| word == "wrong"));
        let wrong = wrong.unwrap();
        assert_eq!((cell(wrong, "outcome"), cell(wrong, "median_seconds")), ("wrong".into(), String::new()));
        assert!(cell(wrong, "reason").contains("index 17"));
        assert_eq!(cell(lines.len() - 1, "sizes"), "'=1+1");
    }

    #[test]
    fn a_training_step_has_its_line() {
        let text = csv(&sample::with_steps()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with(",times_forward") && lines[1].ends_with(','), "{}", lines[1]);
        let step = ",training_step,\"Model 1, joint, training step\",\"vit-b/16x2, 8×224×224: 784 tokens\",1,";
        assert!(lines[2].contains(step) && lines[2].contains(",3.2"), "{}", lines[2]);
    }

    #[test]
    fn a_result_without_rows_has_titles() {
        let mut benchmark = sample::benchmark();
        benchmark.rows.clear();
        let text = csv(&benchmark).unwrap();
        assert!(text.starts_with("device,driver,of,") && text.lines().count() == 1, "{text}");
    }
}
