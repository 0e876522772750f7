//! The lines of charts: one kind of work on one device, at growing numbers of tokens.

use super::super::{Benchmark, BenchmarkRow, RowMeasurement, Work};
use super::words;
use crate::kernels::Precision;

/// Rows that differ in the number of their tokens alone.
pub(super) struct Series<'a> {
    /// Which of the devices.
    pub(super) device: usize,
    pub(super) precision: Precision,
    /// The paper's number, of a model.
    pub(super) model: Option<usize>,
    /// Whether it is of training steps of a model.
    pub(super) steps: bool,
    /// Which of the page's colours: a model has that of its number, what else there is the ones behind.
    pub(super) colour: usize,
    /// What a legend says: `Model 1, joint`.
    pub(super) name: String,
    /// The same where there is little room: `1 joint`.
    pub(super) short: String,
    /// By tokens, the fewest first.
    pub(super) points: Vec<Sized<'a>>,
}

/// A measured row and how many tokens it is of.
#[derive(Clone, Copy)]
pub(super) struct Sized<'a> {
    /// Of a clip, without class tokens.
    pub(super) tokens: usize,
    pub(super) row: &'a BenchmarkRow,
    pub(super) measurement: &'a RowMeasurement,
}

impl<'a> Series<'a> {
    /// All series of a device, in the order of their first rows.
    pub(super) fn of_device(benchmark: &'a Benchmark, device: usize) -> Vec<Self> {
        let mut series: Vec<(String, Self)> = Vec::new();
        for row in benchmark.rows.iter().filter(|row| row.device == device) {
            let (Some((key, tokens)), Some(measurement)) = (key(benchmark, row), row.measurement()) else { continue };
            if !is_positive(measurement.median) || tokens == 0 {
                continue;
            }
            let point = Sized { tokens, row, measurement };
            match series.iter_mut().find(|(known, _)| *known == key) {
                Some((_, series)) => series.points.push(point),
                None => series.push((key, Self::new(row, point))),
            }
        }
        let mut series: Vec<_> = series.into_iter().map(|(_, series)| series).collect();
        let mut others = 0;
        for series in &mut series {
            series.points.sort_by_key(|point| point.tokens);
            let further = MODELS + others % (COLOURS - MODELS);
            series.colour = series.model.map_or(further, |number| number.saturating_sub(1) % MODELS);
            others += usize::from(series.model.is_none());
        }
        series
    }

    fn new(row: &BenchmarkRow, point: Sized<'a>) -> Self {
        let (model, short) = match &row.work {
            Work::Model(model) => (Some(model.number), format!("{} {}", model.number, model.kind)),
            Work::TrainingStep(model) => (Some(model.number), format!("step {} {}", model.number, model.kind)),
            Work::Attention(attention) => (None, attention.name.clone()),
            Work::Kernel { kernel, .. } => (None, kernel.clone()),
        };
        let settings = words::settings(row);
        let within = |name: String| if settings.is_empty() { name } else { format!("{name} ({settings})") };
        let name = within(words::title(&row.work));
        let short = within(words::plain(&short));
        let (device, precision) = (row.device, row.precision);
        let steps = matches!(row.work, Work::TrainingStep(_));
        Self { device, precision, model, steps, colour: 0, name, short, points: vec![point] }
    }

    /// The row with the most tokens.
    pub(super) fn largest(&self) -> Option<&Sized<'a>> {
        self.points.last()
    }
}

/// Colours of the page that tell lines apart; the first are the models'.
pub(super) const COLOURS: usize = 8;
const MODELS: usize = 4;

/// Whether a time can stand on a logarithmic axis.
pub(super) fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// What all rows of a series have in common, and the tokens of this one; `None` for what has no tokens.
fn key(benchmark: &Benchmark, row: &BenchmarkRow) -> Option<(String, usize)> {
    let precision = row.precision;
    match &row.work {
        Work::Model(model) | Work::TrainingStep(model) => {
            let pass = if matches!(row.work, Work::Model(_)) { "pass" } else { "step" };
            let (number, kind, backbone, batch) = (model.number, &model.kind, &model.backbone, model.batch);
            let (rows, columns, tubelet) = (model.rows, model.columns, model.tubelet);
            let key = format!("{pass} {number} {kind} {backbone} {batch} {rows}x{columns} {tubelet:?} {precision}");
            Some((key, model.tokens))
        }
        Work::Attention(attention) => {
            let frames = attention.frames?;
            let key = format!("{} {} {} {precision}", attention.name, attention.heads, attention.head_width);
            // Sequences of several lengths do not tell how many tokens they are of; a model of the same clip does.
            let tokens = tokens_of(benchmark, frames);
            Some((key, tokens.unwrap_or_else(|| attention.sequences.saturating_mul(attention.tokens))))
        }
        Work::Kernel { .. } => None,
    }
}

/// The tokens of a clip of so many frames, where a model of the benchmark has such.
fn tokens_of(benchmark: &Benchmark, frames: usize) -> Option<usize> {
    benchmark.rows.iter().find_map(|row| match &row.work {
        Work::Model(model) if model.frames == frames => Some(model.tokens),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn rows_of_one_kind_make_a_line_and_what_is_struck_out_is_in_none() {
        let benchmark = sample::benchmark();
        let series = Series::of_device(&benchmark, 0);
        let names: Vec<_> = series.iter().map(|series| (series.name.as_str(), series.points.len())).collect();
        assert_eq!(
            names,
            [
                ("Model 1, joint", 3),
                ("Model 2, factorised-encoder", 4),
                ("Model 3, factorised-self-attention", 3),
                ("Model 4, factorised-dot-product", 4),
                ("joint attention", 4),
                ("spatial attention", 4),
            ]
        );
        for series in series {
            assert!(series.points.windows(2).all(|pair| pair[0].tokens < pair[1].tokens));
        }
    }
}
