//! The plots of a device: time against tokens, the roofline, memory.

use std::collections::BTreeMap;

use super::super::{Benchmark, BenchmarkRow, MeasuredDevice, RowMemory, TimedCall, Work};
use super::amounts::{bytes, bytes_per_second, grouped, operations_per_second, percent, seconds};
use super::growth::Growth;
use super::plot::{Axis, Ceiling, Curve, Figure, Spot, Unit};
use super::series::{COLOURS, Series, Sized, is_positive};
use super::words;

/// The colour of what is neither a model nor a kind of attention.
const NEUTRAL: usize = COLOURS;

/// Time against tokens, with the laws fitted to it; of models or of attention.
pub(super) fn latency(series: &[Series<'_>], title: String) -> Figure {
    let curve = |series: &Series<'_>| {
        let law = Growth::of(series).law;
        let ends = series.points.first().zip(series.largest()).map(|(first, last)| [first, last].map(tokens));
        let fit = law.zip(ends).map(|(law, ends)| (ends.map(|tokens| [tokens, law.seconds(tokens)]), law.exponent));
        let spot = |point: &Sized<'_>| {
            let times = point.measurement;
            let (median, low, high) = (seconds(times.median), seconds(times.low), seconds(times.high));
            let title = format!("{}: {median} ({low} to {high}), {}", series.name, words::sizes(&point.row.work));
            let range = [times.low, times.high];
            let range = range.into_iter().all(is_positive).then_some(range);
            Spot { at: [tokens(point), times.median], range, title }
        };
        let spots = series.points.iter().map(spot).collect();
        named(series, Curve { fit, joined: fit.is_none(), spots, ..empty() })
    };
    let ticks = series.iter().flat_map(|series| series.points.iter().map(tokens)).collect();
    Figure {
        title,
        across: Axis { title: "tokens", unit: Unit::Number, ticks },
        up: Axis { title: "time (median)", unit: Unit::Seconds, ticks: Vec::new() },
        curves: series.iter().map(curve).collect(),
        ceilings: Vec::new(),
    }
}

/// Memory of the models against tokens: weights and intermediate values together.
pub(super) fn memory(series: &[Series<'_>], title: String) -> Figure {
    let curve = |series: &Series<'_>| {
        let spots = series.points.iter().filter_map(|point| {
            let RowMemory { weights, values, .. } = point.measurement.memory?;
            let title = format!("{}: weights {}, values {}", series.name, bytes(weights), bytes(values));
            Some(Spot { at: [tokens(point), (weights + values) as f64], range: None, title })
        });
        named(series, Curve { spots: spots.collect(), ..empty() })
    };
    let ticks = series.iter().flat_map(|series| series.points.iter().map(tokens)).collect();
    let curves = series.iter().map(curve).filter(|curve| !curve.spots.is_empty());
    Figure {
        title,
        across: Axis { title: "tokens", unit: Unit::Number, ticks },
        up: Axis { title: "memory on the device", unit: Unit::Bytes, ticks: Vec::new() },
        curves: curves.collect(),
        ceilings: Vec::new(),
    }
}

/// Operations a second against operations a byte, below what the device can: models and attention at their largest, the
/// kernels of their passes, kernels alone.
pub(super) fn roofline(benchmark: &Benchmark, index: usize, series: &[&Series<'_>]) -> Option<Figure> {
    let device = benchmark.devices.get(index)?;
    let largest = |series: &&Series<'_>| {
        let point = series.largest()?;
        Some(named(series, Curve { joined: false, spots: vec![of_row(point.row)?], ..empty() }))
    };
    let mut curves: Vec<Curve> = series.iter().filter_map(largest).collect();
    let neutral = |name: &str, spots: Vec<Spot>| Curve {
        name: name.to_owned(),
        short: name.split(' ').next().unwrap_or_default().to_owned(),
        colour: NEUTRAL,
        joined: false,
        spots,
        fit: None,
    };
    let passes = series.iter().filter(|series| series.model.is_some()).filter_map(|series| series.largest());
    let within: Vec<Spot> = passes.flat_map(|point| of_calls(point.row)).collect();
    let alone = benchmark.rows.iter().filter(|row| row.device == index && matches!(row.work, Work::Kernel { .. }));
    let alone: Vec<Spot> = alone.filter_map(of_row).collect();
    curves.extend((!within.is_empty()).then(|| neutral("kernels of these passes", within)));
    curves.extend((!alone.is_empty()).then(|| neutral("kernels alone", alone)));
    let spots: Vec<[f64; 2]> = curves.iter().flat_map(|curve| curve.spots.iter().map(|spot| spot.at)).collect();
    Some(Figure {
        title: format!("operations a second against operations a byte on {}", words::plain(&device.name)),
        across: Axis { title: "operations a byte", unit: Unit::Number, ticks: Vec::new() },
        up: Axis { title: "FLOP/s", unit: Unit::OperationsPerSecond, ticks: Vec::new() },
        ceilings: if spots.is_empty() { Vec::new() } else { ceilings(device, &spots) },
        curves,
    })
}

/// The slope of bandwidth and the level of arithmetic, the better of before and after; and the level of matrix units where
/// there is one.
fn ceilings(device: &MeasuredDevice, spots: &[[f64; 2]]) -> Vec<Ceiling> {
    let (before, after) = (&device.before, &device.after);
    let bandwidth = before.bytes_per_second.max(after.bytes_per_second);
    let arithmetic = before.operations_per_second.max(after.operations_per_second);
    let matrix = [before, after].into_iter().filter_map(|ceilings| ceilings.matrix_operations_per_second);
    let matrix = matrix.fold(0.0, f64::max);
    if !(is_positive(bandwidth) && is_positive(arithmetic)) {
        return Vec::new();
    }
    let knee = arithmetic / bandwidth;
    let intensities = || spots.iter().map(|spot| spot[0]);
    let start = intensities().fold(knee / 4.0, f64::min);
    let end = intensities().fold(knee * 4.0, f64::max);
    let level = |name: &str, rate: f64| Ceiling {
        name: format!("{name} {}", operations_per_second(rate)),
        points: vec![[rate / bandwidth, rate], [end.max(2.0 * rate / bandwidth), rate]],
        at_right: true,
    };
    let top = arithmetic.max(matrix) / bandwidth;
    let slope = Ceiling {
        name: format!("copy {}", bytes_per_second(bandwidth)),
        points: vec![[start, start * bandwidth], [top, top * bandwidth]],
        at_right: false,
    };
    let matrix = (matrix > 0.0).then(|| level("matrix units", matrix));
    [slope, level("arithmetic", arithmetic)].into_iter().chain(matrix).collect()
}

fn of_row(row: &BenchmarkRow) -> Option<Spot> {
    let times = row.measurement()?;
    let what = format!("{}, {}", words::title(&row.work), words::sizes(&row.work));
    let share = percent(times.shares.roofline);
    spot(
        &what,
        times.cost.operations,
        times.cost.read + times.cost.written,
        times.median,
        &format!(", {share} of the roofline"),
    )
}

/// A mark a kernel, of all its calls in a pass.
fn of_calls(row: &BenchmarkRow) -> Vec<Spot> {
    let calls = row.measurement().map(|times| times.calls.as_slice()).unwrap_or_default();
    let mut kernels: BTreeMap<&str, (u64, u64, f64)> = BTreeMap::new();
    for TimedCall { kernel, operations, bytes, seconds, .. } in calls {
        let sum = kernels.entry(kernel).or_default();
        *sum = (sum.0 + operations, sum.1 + bytes, sum.2 + seconds);
    }
    let title = words::title(&row.work);
    let of = |(kernel, (operations, bytes, seconds)): (&str, _)| {
        spot(&format!("{} in {title}", words::plain(kernel)), operations, bytes, seconds, "")
    };
    kernels.into_iter().filter_map(of).collect()
}

/// Nothing where there is no arithmetic: it would lie below the axis.
fn spot(what: &str, operations: u64, bytes: u64, seconds: f64, more: &str) -> Option<Spot> {
    let at = [operations as f64 / bytes as f64, operations as f64 / seconds];
    let rate = operations_per_second(at[1]);
    let title = format!("{what}: {rate}, {:.1} operations a byte{more}", at[0]);
    at.into_iter().all(is_positive).then_some(Spot { at, range: None, title })
}

fn tokens(point: &Sized<'_>) -> f64 {
    point.tokens as f64
}

fn named(series: &Series<'_>, curve: Curve) -> Curve {
    let short = match (series.model, series.steps) {
        (Some(number), false) => number.to_string(),
        (Some(number), true) => format!("step {number}"),
        (None, _) => shortened(&series.short),
    };
    Curve { name: series.short.clone(), short, colour: series.colour, ..curve }
}

fn empty() -> Curve {
    Curve { name: String::new(), short: String::new(), colour: 0, joined: true, spots: Vec::new(), fit: None }
}

/// What fits beside a line on a narrow screen.
fn shortened(name: &str) -> String {
    const MOST: usize = 10;
    crate::tensor::printable(name, MOST)
}

/// From the fewest to the most tokens: `784 to 6,272 tokens`.
pub(super) fn range_of_tokens(series: &[Series<'_>]) -> String {
    let tokens = || series.iter().flat_map(|series| series.points.iter().map(|point| point.tokens as u64));
    match (tokens().min(), tokens().max()) {
        (Some(least), Some(most)) if least < most => format!("{} to {} tokens", grouped(least), grouped(most)),
        (Some(least), _) => format!("{} tokens", grouped(least)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn nothing_lies_above_its_ceilings_in_the_sample() {
        let benchmark = sample::benchmark();
        let series = Series::of_device(&benchmark, 0);
        let figure = roofline(&benchmark, 0, &series.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(figure.ceilings.len(), 3);
        let top = figure.ceilings[2].points[0][1];
        assert!(figure.curves.iter().flat_map(|curve| &curve.spots).all(|spot| spot.at[1] < top));
        assert_eq!(figure.curves.len(), 6 + 2);
        // The slope ends where the highest level begins.
        assert_eq!(figure.ceilings[0].points[1], figure.ceilings[2].points[0]);
    }

    #[test]
    fn a_line_with_a_law_is_drawn_as_the_law_and_its_marks() {
        let benchmark = sample::benchmark();
        let series = Series::of_device(&benchmark, 1);
        let figure = latency(&series, String::new());
        let fitted: Vec<bool> = figure.curves.iter().map(|curve| curve.fit.is_some()).collect();
        assert_eq!(fitted, [true, true, false, false]);
        assert!(figure.curves.iter().all(|curve| curve.joined == curve.fit.is_none()));
    }
}
