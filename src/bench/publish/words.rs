//! What rows are called.

use super::super::{BenchmarkRow, Clock, ModelWork, RowMeasurement, RowOutcome, Work};
use super::amounts::{counted, grouped, three_digits};
use crate::kernels::Precision;
use crate::tensor::{LONGEST_TEXT, printable};

/// A text of somebody else's on one line.
pub(super) fn plain(text: &str) -> String {
    printable(text, LONGEST_TEXT)
}

/// What is computed, without sizes.
pub(super) fn title(work: &Work) -> String {
    plain(&work.title())
}

/// The sizes of what is computed.
pub(super) fn sizes(work: &Work) -> String {
    match work {
        Work::Model(model) | Work::TrainingStep(model) => {
            let clip = format!("{}×{}×{}", model.frames, model.rows, model.columns);
            let batch = if model.batch == 1 { String::new() } else { format!("{}, ", counted(model.batch, "clip")) };
            let tokens = grouped(model.tokens as u64);
            format!("{}, {batch}{clip}: {tokens} tokens", backbone(model))
        }
        Work::Attention(attention) => {
            let (heads, width) = (attention.heads, attention.head_width);
            let tokens = grouped(attention.tokens as u64);
            format!("{} of {tokens} tokens, {heads} heads of {width}", counted(attention.sequences, "sequence"))
        }
        Work::Kernel { case, .. } => plain(case),
    }
}

/// A backbone and its tubelets: `vit-b/16x2`.
pub(super) fn backbone(work: &ModelWork) -> String {
    let [frames, rows, columns] = work.tubelet;
    let side = if rows == columns { rows.to_string() } else { format!("{rows}×{columns}") };
    format!("{}/{side}x{frames}", plain(&work.backbone))
}

/// What is not as usual: the batch of a model, floats other than f32. Empty where all is.
pub(super) fn settings(row: &BenchmarkRow) -> String {
    let batch = row.work.model().filter(|model| model.batch != 1).map(|model| counted(model.batch, "clip"));
    let precision = (row.precision != Precision::F32).then(|| precision(row.precision));
    batch.into_iter().chain(precision).collect::<Vec<_>>().join(", ")
}

/// The floats, in words.
pub(super) fn precision(precision: Precision) -> String {
    match precision {
        Precision::F16Weights => "f16 weights".to_owned(),
        precision => precision.to_string(),
    }
}

/// How long a training step takes beside its forward pass: `, 3.25 × its forward pass`; nothing of what has none.
pub(super) fn times_forward(measurement: &RowMeasurement) -> String {
    let ratio = measurement.times_forward;
    ratio.map_or_else(String::new, |ratio| format!(", {} × its forward pass", three_digits(ratio)))
}

/// What a clock counts.
pub(super) fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Wall => "on the clock",
        Clock::Device => "on the device",
        Clock::Cpu => "of CPU time",
    }
}

/// Why a row has no times that count, in a word and a sentence; `None` where it has.
pub(super) fn trouble(outcome: &RowOutcome) -> Option<(&'static str, String)> {
    match outcome {
        RowOutcome::Measured(_) => None,
        RowOutcome::Wrong { reason, .. } => Some(("wrong", plain(reason))),
        RowOutcome::Impossible { reason } => Some(("impossible", plain(reason))),
        RowOutcome::Failed { reason } => Some(("failed", plain(reason))),
    }
}
