//! Two results beside each other: what changed, and what is noise.
//!
//! Rows are matched by the name of the device, by what is computed and by the floats. Of a pair, the ratio of the medians
//! has an interval that holds the true ratio with 95 % for all pairs of a comparison together: each alone has the
//! confidence 1 − 5 % / pairs (Bonferroni), so that a hundred rows do not find five changes where there is none. How
//! such an interval is made is told in `medians`.
//!
//! Samples of one run say nothing about what differs between runs of the same program: clocks that rise and fall with
//! heat, other processes, where memory happens to lie. So a change is one only where it exceeds, too, the greatest of
//! - 2 %;
//! - how far a sample usually lies from the median in the noisier run: half of its range from 20 to 80 %;
//! - how far the ceilings of the device, measured before and after the rows of both runs, lie apart.
//!
//! What lies below is noise, as is a ratio whose interval holds 1.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::super::{Benchmark, BenchmarkRow, Clock, MeasuredDevice, RowMeasurement, RowOutcome, Work};
use super::amounts::{NONE, counted, percent, seconds, three_digits};
use super::medians::{FEWEST, LogMedian};
use super::series::is_positive;
use super::words;
use crate::kernels::Precision;

/// What changed between two results.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The result that came first.
    pub before: ComparedRun,
    /// The one that is compared with it.
    pub after: ComparedRun,
    /// How probable it is that all intervals hold the true ratio.
    pub confidence: f64,
    /// The rows of the later result in their order, then those that only the earlier one has.
    pub rows: Vec<ComparedRow>,
    /// What differs besides the times.
    pub notes: Vec<String>,
}

/// One of the results that are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComparedRun {
    /// Of the program.
    pub version: String,
    /// The commit that the program was built from, where that is known.
    pub commit: Option<String>,
    /// When it began: UTC, RFC 3339.
    pub taken: String,
}

/// A row of both results, or of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComparedRow {
    /// The device's name.
    pub device: String,
    /// What is computed.
    pub work: Work,
    /// The floats it is computed with.
    pub precision: Precision,
    /// The median before, in seconds, where there is one.
    pub before: Option<f64>,
    /// The median after, in seconds, where there is one.
    pub after: Option<f64>,
    /// The median after over the median before.
    pub ratio: Option<f64>,
    /// What holds the true ratio.
    pub interval: Option<[f64; 2]>,
    /// A change of less than this is noise: 0.02 is 2 %.
    pub floor: Option<f64>,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: ComparedVerdict,
}

/// What a comparison says of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComparedVerdict {
    /// It takes less time than before.
    Faster,
    /// It takes more time than before.
    Slower,
    /// Nothing says that it changed.
    Noise,
    /// The later result does not have it.
    OnlyBefore,
    /// The earlier result does not have it.
    OnlyAfter,
    /// Both have it, and their times cannot be compared.
    NotComparable {
        /// Why, in a few words.
        reason: String,
    },
}

/// How probable it is that all intervals hold the true ratio.
const CONFIDENCE: f64 = 0.95;
/// Less than this is noise, however quiet the samples are.
const LEAST_CHANGE: f64 = 0.02;

/// Compares two results, row by row.
pub fn compare(before: &Benchmark, after: &Benchmark) -> Comparison {
    let pairs = pairs(before, after);
    let settings = settings_that_differ(before, after);
    let changes: Vec<_> = pairs.iter().map(|pair| pair.change(settings)).collect();
    let comparable = changes.iter().filter(|change| change.is_ok()).count();
    let confidence = 1.0 - (1.0 - CONFIDENCE) / comparable.max(1) as f64;
    let rows = pairs.iter().zip(changes).map(|(pair, change)| pair.row(change, confidence)).collect();
    let (notes, [before, after]) = (notes(before, after), [before, after].map(ComparedRun::of));
    Comparison { before, after, confidence: CONFIDENCE, rows, notes }
}

/// Why no row of these results can be compared, where none can.
fn settings_that_differ(before: &Benchmark, after: &Benchmark) -> Option<&'static str> {
    let (before, after) = (&before.settings, &after.settings);
    if before.checks != after.checks {
        Some("one with run-time checks of shaders, the other without")
    } else if before.cold != after.cold {
        Some("one cold, the other warm")
    } else {
        None
    }
}

/// Rows of the same name, one of which may be missing.
struct Pair<'a> {
    before: Option<Placed<'a>>,
    after: Option<Placed<'a>>,
    /// One that is there.
    named: Placed<'a>,
}

/// A row and its device.
type Placed<'a> = (&'a MeasuredDevice, &'a BenchmarkRow);

/// The rows of `after` with their partners, then those of `before` without one.
fn pairs<'a>(before: &'a Benchmark, after: &'a Benchmark) -> Vec<Pair<'a>> {
    let mut left = with_devices(before);
    let mut pairs = Vec::new();
    for (device, row) in with_devices(after) {
        let same = |(other, partner): &Placed<'_>| {
            other.name == device.name && partner.work == row.work && partner.precision == row.precision
        };
        let partner = left.iter().position(same).map(|index| left.remove(index));
        pairs.push(Pair { before: partner, after: Some((device, row)), named: (device, row) });
    }
    pairs.extend(left.into_iter().map(|row| Pair { before: Some(row), after: None, named: row }));
    pairs
}

fn with_devices(benchmark: &Benchmark) -> Vec<Placed<'_>> {
    benchmark.rows.iter().filter_map(|row| Some((benchmark.devices.get(row.device)?, row))).collect()
}

/// The logarithms of both medians, and of the least change that counts.
struct Change {
    before: LogMedian,
    after: LogMedian,
    floor: f64,
}

impl Pair<'_> {
    /// What of a pair can be compared, or the verdict on what cannot.
    fn change(&self, settings: Option<&str>) -> Result<Change, ComparedVerdict> {
        let (before, after) = match (self.before, self.after) {
            (Some(before), Some(after)) => (before, after),
            (Some(_), None) => return Err(ComparedVerdict::OnlyBefore),
            (None, _) => return Err(ComparedVerdict::OnlyAfter),
        };
        let not_comparable = |reason: String| ComparedVerdict::NotComparable { reason };
        if let Some(settings) = settings {
            return Err(not_comparable(settings.to_owned()));
        }
        let [first, second] = [measured(before.1, "before")?, measured(after.1, "after")?];
        if first.clock != second.clock {
            let (first, second) = (words::clock(first.clock), words::clock(second.clock));
            return Err(not_comparable(format!("seconds {first} before, {second} after")));
        }
        let of = |measurement: &RowMeasurement, when: &str| {
            let samples = clocked(measurement);
            let few = || not_comparable(format!("{} {when}: {FEWEST} are needed", counted(samples.len(), "sample")));
            LogMedian::of(samples).ok_or_else(few)
        };
        let (former, latter) = (of(first, "before")?, of(second, "after")?);
        let [arithmetic, bandwidth] = apart(before.0, after.0);
        let nearest = if first.shares.arithmetic >= first.shares.bandwidth { arithmetic } else { bandwidth };
        let floor = [(1.0 + LEAST_CHANGE).ln(), former.spread, latter.spread, nearest];
        Ok(Change { before: former, after: latter, floor: floor.into_iter().fold(0.0, f64::max) })
    }

    /// The row of the comparison, with an interval of `confidence`.
    fn row(&self, change: Result<Change, ComparedVerdict>, confidence: f64) -> ComparedRow {
        let (device, row) = self.named;
        let median = |row: Option<Placed<'_>>| Some(row?.1.measurement()?.median);
        let (logarithm, half, floor, verdict) = match change {
            Err(verdict) => (None, None, None, verdict),
            Ok(change) => {
                let logarithm = change.after.value - change.before.value;
                let half = change.before.half_interval(&change.after, confidence);
                let verdict = verdict(logarithm, half.unwrap_or(f64::INFINITY), change.floor);
                (Some(logarithm), half, Some(change.floor.exp_m1()), verdict)
            }
        };
        ComparedRow {
            device: device.name.clone(),
            work: row.work.clone(),
            precision: row.precision,
            before: median(self.before),
            after: median(self.after),
            ratio: logarithm.map(f64::exp),
            interval: logarithm.zip(half).map(|(logarithm, half)| [(logarithm - half).exp(), (logarithm + half).exp()]),
            floor,
            verdict,
        }
    }
}

/// `logarithm` is that of the ratio, `half` half of its interval.
fn verdict(logarithm: f64, half: f64, floor: f64) -> ComparedVerdict {
    if logarithm.abs() <= half.max(floor) {
        ComparedVerdict::Noise
    } else if logarithm > 0.0 {
        ComparedVerdict::Slower
    } else {
        ComparedVerdict::Faster
    }
}

/// The times of a row, or why it has none that count.
fn measured<'a>(row: &'a BenchmarkRow, when: &str) -> Result<&'a RowMeasurement, ComparedVerdict> {
    let reason = match &row.outcome {
        RowOutcome::Measured(measurement) => return Ok(measurement),
        RowOutcome::Wrong { .. } => format!("struck out {when}: its output was wrong"),
        RowOutcome::Impossible { .. } => format!("impossible {when}"),
        RowOutcome::Failed { .. } => format!("failed {when}"),
    };
    Err(ComparedVerdict::NotComparable { reason })
}

/// The samples on the clock that counts.
pub(super) fn clocked(measurement: &RowMeasurement) -> &[f64] {
    match measurement.clock {
        Clock::Wall => &measurement.samples.wall,
        Clock::Device => &measurement.samples.device,
        Clock::Cpu => &measurement.samples.cpu,
    }
}

/// How far the ceilings of a device lie apart, before and after the rows of two runs, as logarithms: of arithmetic, by
/// whatever units, and of bandwidth.
fn apart(before: &MeasuredDevice, after: &MeasuredDevice) -> [f64; 2] {
    let ceilings = [&before.before, &before.after, &after.before, &after.after];
    let range = |values: [f64; 4]| match values.into_iter().all(is_positive) {
        true => values.into_iter().fold(0.0, f64::max).ln() - values.into_iter().fold(f64::INFINITY, f64::min).ln(),
        false => 0.0,
    };
    let arithmetic = range(ceilings.map(|ceilings| ceilings.operations_per_second));
    let bandwidth = range(ceilings.map(|ceilings| ceilings.bytes_per_second));
    let matrix = range(ceilings.map(|ceilings| ceilings.matrix_operations_per_second.unwrap_or(0.0)));
    [arithmetic.max(matrix), bandwidth]
}

/// Ceilings that lie further apart are worth a note.
const NOTABLE: f64 = 0.05;

fn notes(before: &Benchmark, after: &Benchmark) -> Vec<String> {
    let mut notes = Vec::new();
    if before.machine != after.machine {
        notes.push("the machines differ: what changed may be theirs, not the program's".to_owned());
    }
    for device in &after.devices {
        let Some(earlier) = before.devices.iter().find(|earlier| earlier.name == device.name) else { continue };
        let name = words::plain(&device.name);
        if earlier.capabilities.as_ref().map(|known| &known.driver)
            != device.capabilities.as_ref().map(|known| &known.driver)
        {
            notes.push(format!("the driver of {name} is another"));
        }
        for (what, apart) in ["arithmetic", "bandwidth"].into_iter().zip(apart(earlier, device)) {
            let apart = apart.exp_m1();
            if apart > NOTABLE {
                let apart = percent(apart);
                notes.push(format!(
                    "the {what} of {name} lies {apart} apart, before and after both runs: less counts as noise in rows \
                     that it is the nearest ceiling of"
                ));
            }
        }
    }
    notes
}

impl ComparedRun {
    fn of(benchmark: &Benchmark) -> Self {
        let Benchmark { version, commit, taken, .. } = benchmark;
        Self { version: version.clone(), commit: commit.clone(), taken: taken.clone() }
    }

    fn describe(&self) -> String {
        let commit = self.commit.as_ref().map_or(String::new(), |commit| format!(", commit {commit}"));
        words::plain(&format!("{}, version {}{commit}", self.taken, self.version))
    }
}

impl ComparedRow {
    /// `1.10 (1.08 to 1.12)`.
    fn describe_ratio(&self) -> String {
        let interval = self
            .interval
            .map_or(String::new(), |[low, high]| format!(" ({} to {})", three_digits(low), three_digits(high)));
        self.ratio.map_or(NONE.to_owned(), |ratio| format!("{}{interval}", three_digits(ratio)))
    }

    fn cells(&self) -> [String; 6] {
        let what = [words::title(&self.work), words::sizes(&self.work)].join(", ");
        let f16 = if self.precision == Precision::F32 { String::new() } else { words::precision(self.precision) };
        let what = if f16.is_empty() { what } else { format!("{what}, {f16}") };
        let time = |median: Option<f64>| median.map_or(NONE.to_owned(), seconds);
        let floor = self.floor.map_or(NONE.to_owned(), percent);
        [
            format!("  {what}"),
            time(self.before),
            time(self.after),
            self.describe_ratio(),
            floor,
            self.verdict.to_string(),
        ]
    }
}

impl fmt::Display for ComparedVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faster => f.write_str("FASTER"),
            Self::Slower => f.write_str("SLOWER"),
            Self::Noise => f.write_str("noise"),
            Self::OnlyBefore => f.write_str("only before"),
            Self::OnlyAfter => f.write_str("only after"),
            Self::NotComparable { reason } => write!(f, "not comparable: {reason}"),
        }
    }
}

impl Comparison {
    /// How many rows have a verdict that `wanted` accepts.
    fn count(&self, wanted: impl Fn(&ComparedVerdict) -> bool) -> usize {
        self.rows.iter().filter(|row| wanted(&row.verdict)).count()
    }

    /// What came of all rows, in a sentence.
    fn describe(&self) -> String {
        let exactly = |verdict: ComparedVerdict| self.count(|other| *other == verdict);
        let not_comparable = self.count(|verdict| matches!(verdict, ComparedVerdict::NotComparable { .. }));
        let [slower, faster] = [ComparedVerdict::Slower, ComparedVerdict::Faster].map(exactly);
        let [noise, before, after] =
            [ComparedVerdict::Noise, ComparedVerdict::OnlyBefore, ComparedVerdict::OnlyAfter].map(exactly);
        let others = [(not_comparable, "not comparable"), (before, "only before"), (after, "only after")];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let others: String = others.map(|(count, what)| format!(", {count} {what}")).collect();
        format!("{}: {slower} slower, {faster} faster, {noise} noise{others}", counted(self.rows.len(), "row"))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["device, work", "before", "after", "ratio (interval)", "floor", "verdict"]);
        table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
        for column in table.column_iter_mut().skip(1).take(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut device = None;
        for row in &self.rows {
            if device.replace(&row.device) != Some(&row.device) {
                table.add_row([words::plain(&row.device)]);
            }
            table.add_row(row.cells());
        }
        table
    }
}

/// For a terminal.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "before  {}\nafter   {}\n", self.before.describe(), self.after.describe())?;
        writeln!(f, "{}\n", self.table().trim_fmt())?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        write!(
            f,
            "ratio: the median after over the median before; all intervals together hold the true ones with {}; a change \
             is one where its interval excludes 1 and it exceeds the floor\n{}",
            percent(self.confidence),
            self.describe()
        )
    }
}

#[cfg(test)]
mod tests;
