//! Where the time of a pass goes, and its memory: bars.

use serde::Serialize;

use super::super::{RowMemory, TimedCall};
use super::amounts::{bytes, counted, operations_per_second, percent, seconds};
use super::series::{COLOURS, Series};
use super::words;

/// The passes of a device at their largest, each as a bar of its kernels.
#[derive(Serialize)]
pub(super) struct Passes {
    /// The kernels that have a colour, those of the longest times first.
    legend: Vec<(usize, String)>,
    bars: Vec<PassBar>,
}

#[derive(Serialize)]
struct PassBar {
    name: String,
    sizes: String,
    total: String,
    pieces: Vec<Piece>,
    kernels: Vec<KernelTime>,
}

/// A piece of a bar.
#[derive(Serialize)]
struct Piece {
    colour: usize,
    kernel: String,
    /// Per cent of the bar.
    width: f64,
    share: String,
}

#[derive(Serialize)]
struct KernelTime {
    kernel: String,
    calls: String,
    seconds: String,
    share: String,
    rate: String,
}

/// All calls of one kernel.
struct Sum<'a> {
    kernel: &'a str,
    variant: &'a str,
    calls: usize,
    seconds: f64,
    operations: u64,
}

/// Kernels with a colour of their own; the others share the last one.
const NAMED: usize = COLOURS - 1;
const OTHERS: &str = "others";

impl Passes {
    /// Of the models of a device, and their training steps, at their largest; `None` where it does not tell the time of
    /// calls.
    pub(super) fn of(series: &[Series<'_>]) -> Option<Self> {
        let passes = series.iter().filter(|series| series.model.is_some()).filter_map(|series| {
            let point = series.largest()?;
            let sums = sums(&point.measurement.calls);
            (!sums.is_empty()).then_some((series, point, sums))
        });
        let passes: Vec<_> = passes.collect();
        let named = named(passes.iter().flat_map(|(.., sums)| sums));
        let bar = |(series, point, sums): &(&Series<'_>, &super::series::Sized<'_>, Vec<Sum<'_>>)| PassBar {
            name: series.name.clone(),
            sizes: words::sizes(&point.row.work),
            total: seconds(sums.iter().map(|sum| sum.seconds).sum()),
            pieces: pieces(sums, &named),
            kernels: sums.iter().map(|sum| sum.describe(sums)).collect(),
        };
        let bars: Vec<PassBar> = passes.iter().map(bar).collect();
        let mut legend: Vec<_> = named.iter().map(|kernel| words::plain(kernel)).enumerate().collect();
        if bars.iter().any(|bar| bar.pieces.iter().any(|piece| piece.colour == NAMED)) {
            legend.push((NAMED, OTHERS.to_owned()));
        }
        (!bars.is_empty()).then_some(Self { legend, bars })
    }
}

/// By kernel and variant, the longest first.
fn sums(calls: &[TimedCall]) -> Vec<Sum<'_>> {
    let mut sums: Vec<Sum<'_>> = Vec::new();
    for call in calls {
        let same = |sum: &&mut Sum<'_>| sum.kernel == call.kernel && sum.variant == call.variant;
        match sums.iter_mut().find(same) {
            Some(sum) => sum.add(call),
            None => {
                let mut sum =
                    Sum { kernel: &call.kernel, variant: &call.variant, calls: 0, seconds: 0.0, operations: 0 };
                sum.add(call);
                sums.push(sum);
            }
        }
    }
    sums.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    sums
}

/// The kernels that take longest over all passes.
fn named<'a>(sums: impl Iterator<Item = &'a Sum<'a>>) -> Vec<&'a str> {
    let mut kernels: Vec<(&str, f64)> = Vec::new();
    for sum in sums {
        match kernels.iter_mut().find(|(kernel, _)| *kernel == sum.kernel) {
            Some((_, seconds)) => *seconds += sum.seconds,
            None => kernels.push((sum.kernel, sum.seconds)),
        }
    }
    kernels.sort_by(|a, b| b.1.total_cmp(&a.1));
    kernels.into_iter().take(NAMED).map(|(kernel, _)| kernel).collect()
}

/// A piece a named kernel, in the order of the legend, so that bars can be compared; the others last.
fn pieces(sums: &[Sum<'_>], named: &[&str]) -> Vec<Piece> {
    let total: f64 = sums.iter().map(|sum| sum.seconds).sum();
    let share = |wanted: &dyn Fn(&str) -> bool| {
        sums.iter().filter(|sum| wanted(sum.kernel)).map(|sum| sum.seconds).sum::<f64>() / total
    };
    let of_named = named.iter().map(|kernel| (words::plain(kernel), share(&|other| other == *kernel)));
    let others = (OTHERS.to_owned(), share(&|other| !named.contains(&other)));
    let all = of_named.chain(std::iter::repeat_n((String::new(), 0.0), NAMED - named.len())).chain([others]);
    let shown = all.enumerate().filter(|(_, (_, share))| *share > 0.0);
    let piece = |(colour, (kernel, share)): (usize, (String, f64))| Piece {
        colour,
        kernel,
        width: (1e4 * share).round() / 1e2,
        share: percent(share),
    };
    shown.map(piece).collect()
}

impl Sum<'_> {
    fn add(&mut self, call: &TimedCall) {
        self.calls += 1;
        self.seconds += call.seconds;
        self.operations += call.operations;
    }

    fn describe(&self, all: &[Sum<'_>]) -> KernelTime {
        let total: f64 = all.iter().map(|sum| sum.seconds).sum();
        KernelTime {
            kernel: words::plain(&format!("{} ({})", self.kernel, self.variant)),
            calls: counted(self.calls, "call"),
            seconds: seconds(self.seconds),
            share: percent(self.seconds / total),
            rate: operations_per_second(self.operations as f64 / self.seconds),
        }
    }
}

/// The memory of a pass.
#[derive(Serialize)]
pub(super) struct MemoryBar {
    name: String,
    sizes: String,
    weights: String,
    values: String,
    process: Option<String>,
    /// Per cent of the largest pass of the device.
    weights_width: f64,
    values_width: f64,
}

impl MemoryBar {
    /// Of the models of a device, and their training steps, at their largest.
    pub(super) fn all(series: &[Series<'_>]) -> Vec<Self> {
        let passes = series.iter().filter_map(|series| {
            let point = series.largest()?;
            Some((series, point, point.measurement.memory?))
        });
        let passes: Vec<_> = passes.collect();
        let whole = |memory: &RowMemory| memory.weights as f64 + memory.values as f64;
        let most = passes.iter().map(|(.., memory)| whole(memory)).fold(1.0, f64::max);
        let width = |bytes: u64| (1e4 * bytes as f64 / most).round() / 1e2;
        let bar = |(series, point, memory): &(&Series<'_>, &super::series::Sized<'_>, RowMemory)| Self {
            name: series.name.clone(),
            sizes: words::sizes(&point.row.work),
            weights: bytes(memory.weights),
            values: bytes(memory.values),
            process: memory.process_peak.map(bytes),
            weights_width: width(memory.weights),
            values_width: width(memory.values),
        };
        passes.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_pieces_of_a_bar_are_the_whole_pass_and_bars_have_one_order() {
        let benchmark = sample::benchmark();
        let passes = Passes::of(&Series::of_device(&benchmark, 0)).unwrap();
        assert_eq!(passes.bars.len(), 4);
        for bar in &passes.bars {
            let whole: f64 = bar.pieces.iter().map(|piece| piece.width).sum();
            assert!((whole - 100.0).abs() < 0.1, "{}: {whole}", bar.name);
            assert!(bar.pieces.windows(2).all(|pair| pair[0].colour < pair[1].colour));
        }
        assert_eq!(passes.legend[0].1, "linear");
        let calls: Vec<_> = passes.bars[0].kernels.iter().map(|kernel| (&*kernel.kernel, &*kernel.calls)).collect();
        assert!(calls.contains(&("linear (workgroup)", "49 calls")), "{calls:?}");
        assert!(Passes::of(&Series::of_device(&benchmark, 1)).is_none(), "this device does not tell the time of calls");
    }

    #[test]
    fn the_largest_memory_fills_its_bar() {
        let benchmark = sample::benchmark();
        let bars = MemoryBar::all(&Series::of_device(&benchmark, 0));
        let widths: Vec<f64> = bars.iter().map(|bar| bar.weights_width + bar.values_width).collect();
        assert_eq!(widths.len(), 4);
        assert!((widths.iter().copied().fold(0.0, f64::max) - 100.0).abs() < 0.02, "{widths:?}");
    }
}
