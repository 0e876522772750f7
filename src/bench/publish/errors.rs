//! Errors against what outputs were compared with, on a logarithmic scale.

use serde::Serialize;

use super::super::{Benchmark, BenchmarkRow, RowOutcome, Verification, Work};
use super::amounts::{counted, error};
use super::words;

/// The errors of a device.
#[derive(Serialize)]
pub(super) struct Errors {
    ticks: Vec<ScaleTick>,
    rows: Vec<ErrorRow>,
}

#[derive(Serialize)]
struct ScaleTick {
    /// Per cent from the left.
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct ErrorRow {
    name: String,
    against: String,
    error: String,
    bound: String,
    /// Per cent from the left; an error of 0 is at the left end, one that is no number at the right.
    at: f64,
    bound_at: f64,
    passed: bool,
}

/// Comparisons of one kind of work with one thing: the one nearest to its bound stands for all.
struct Group<'a> {
    name: String,
    against: &'a str,
    reduced: bool,
    count: usize,
    worst: &'a Verification,
}

impl Errors {
    /// Of a device; `None` where nothing was compared.
    pub(super) fn of(benchmark: &Benchmark, device: usize) -> Option<Self> {
        let groups = groups(benchmark, device);
        let values = || groups.iter().flat_map(|group| [group.worst.relative_l2, group.worst.bound]);
        let values = || values().filter(|value| super::series::is_positive(*value));
        let low = values().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values().fold(0.0, f64::max).log10().ceil();
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        // At least one power of ten, and one more to the left for what is exact.
        let scale = Scale { low: low - 0.5, high: high.max(low + 1.0) + 0.5 };
        Some(Self { ticks: scale.ticks(), rows: groups.iter().map(|group| group.drawn(&scale)).collect() })
    }
}

fn groups(benchmark: &Benchmark, device: usize) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in benchmark.rows.iter().filter(|row| row.device == device) {
        for check in checks(row) {
            let (name, against) = (name(row), check.against.as_str());
            let same = |group: &&mut Group<'_>| {
                group.name == name && group.against == against && group.reduced == check.reduced
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.add(check),
                None => groups.push(Group { name, against, reduced: check.reduced, count: 1, worst: check }),
            }
        }
    }
    groups
}

fn checks(row: &BenchmarkRow) -> &[Verification] {
    match &row.outcome {
        RowOutcome::Measured(measurement) => &measurement.verified,
        RowOutcome::Wrong { verified, .. } => verified,
        _ => &[],
    }
}

fn name(row: &BenchmarkRow) -> String {
    let title = words::title(&row.work);
    let settings = words::settings(row);
    let name = if matches!(row.work, Work::Kernel { .. }) { format!("kernel {title}") } else { title };
    if settings.is_empty() { name } else { format!("{name} ({settings})") }
}

/// Greater is worse; what is no number is the worst.
fn badness(check: &Verification) -> f64 {
    let share = check.relative_l2 / check.bound;
    if share.is_nan() || !check.passed { f64::INFINITY } else { share }
}

impl<'a> Group<'a> {
    fn add(&mut self, check: &'a Verification) {
        self.count += 1;
        if badness(check) > badness(self.worst) {
            self.worst = check;
        }
    }

    fn drawn(&self, scale: &Scale) -> ErrorRow {
        let reduced = if self.reduced { ", at a smaller size" } else { "" };
        let count =
            if self.count > 1 { format!("; the worst of {}", counted(self.count, "row")) } else { String::new() };
        ErrorRow {
            name: self.name.clone(),
            against: format!("against {}{reduced}{count}", words::plain(self.against)),
            error: error(self.worst.relative_l2),
            bound: error(self.worst.bound),
            at: scale.place(self.worst.relative_l2),
            bound_at: scale.place(self.worst.bound),
            passed: self.worst.passed,
        }
    }
}

/// Powers of ten.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// In per cent.
    fn place(&self, value: f64) -> f64 {
        let share = match value {
            value if value.is_nan() => 1.0,
            value => (value.log10() - self.low) / (self.high - self.low),
        };
        (1e4 * share.clamp(0.0, 1.0)).round() / 1e2
    }

    fn ticks(&self) -> Vec<ScaleTick> {
        let powers = self.low.ceil() as i32..=self.high.floor() as i32;
        powers.map(|power| ScaleTick { at: self.place(10f64.powi(power)), label: format!("1e{power}") }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_line_a_kind_of_work_shows_its_worst_error_and_bound() {
        let errors = Errors::of(&sample::benchmark(), 0).unwrap();
        let find = |name: &str| errors.rows.iter().find(|row| row.name == name).unwrap();
        let good = find("Model 1, joint");
        assert_eq!((&*good.error, &*good.bound, good.passed), ("4.1e-7", "1.0e-5", true));
        assert_eq!(good.against, "against the references in f64; the worst of 3 rows");
        assert!(0.0 < good.at && good.at < good.bound_at && good.bound_at < 100.0);
        let bad = find("Model 3, factorised-self-attention");
        assert_eq!(
            (&*bad.error, bad.at, bad.passed),
            ("∞", 100.0, false),
            "one of four is wrong, and hides behind none"
        );
        assert!(errors.rows.iter().any(|row| row.against == "against cpu, at a smaller size; the worst of 3 rows"));
    }

    #[test]
    fn exact_outputs_and_no_comparison_are_drawn_too() {
        let mut benchmark = sample::benchmark();
        benchmark.rows.truncate(1);
        if let RowOutcome::Measured(measurement) = &mut benchmark.rows[0].outcome {
            measurement.verified.truncate(1);
            (measurement.verified[0].relative_l2, measurement.verified[0].bound) = (0.0, 1e-6);
        }
        let errors = Errors::of(&benchmark, 0).unwrap();
        assert_eq!((errors.rows[0].at, &*errors.rows[0].error), (0.0, "0"));
        if let RowOutcome::Measured(measurement) = &mut benchmark.rows[0].outcome {
            measurement.verified.clear();
        }
        assert!(Errors::of(&benchmark, 0).is_none());
    }
}
