//! Probes of what a device can do at best.
//!
//! They are sized so that they cannot flatter: the copy rotates over more memory than a cache holds, and the arithmetic
//! lasts so long that starting it does not count. Both are timed on the clock that the device's rows are timed on, and the
//! best of a few runs counts.

use std::sync::Arc;

use super::clock::clock_of;
use super::matrices::matrix_rate;
use super::problem::{NoWeights, Prepared, Problem, scattered};
use super::sampling::{Purpose, Timed, quantile};
use super::{Ceilings, Clock};
use crate::graph::{Device, Graph};
use crate::kernels::peaks::{PeakArithmetic, PeakCopy};
use crate::kernels::{Operation, Precision, Selection};
use crate::tensor::{ErrorKind, Result, Tensor};

/// Elements of a copy: 64 MiB, which every device binds at least in pieces.
const COPIED: usize = 1 << 24;
/// Copies of a pass, each from memory and to memory of its own: 512 MiB together.
const COPIES: usize = 4;
/// Seconds that the probe of arithmetic lasts at least.
const ARITHMETIC_SECONDS: f64 = 10e-3;
/// The probe of arithmetic that is tried first: soon done anywhere.
const FIRST: PeakArithmetic = PeakArithmetic { elements: 1 << 12, steps: 1 << 7 };
/// Invocations that keep the largest GPUs busy.
const MOST_ELEMENTS: usize = 1 << 20;
/// Turns of a loop that every driver runs to its end.
const MOST_STEPS: usize = 1 << 15;
/// Seconds that each probe may be repeated, unless rows have less.
const PROBE_SECONDS: f64 = 0.5;
/// How often each is repeated at most.
const REPETITIONS: usize = 5;
/// How often the smallest kernel is launched.
const LAUNCHES: usize = 30;
/// How far two ceilings may differ before a reader is told, as a share of the higher.
const MOVED: f64 = 0.05;

/// What `device` can do at best, now.
pub(super) fn measure_ceilings(device: &Device) -> Result<Ceilings> {
    let (operations_per_second, arithmetic_seconds) = arithmetic(device)?;
    let (bytes_per_second, copied_bytes) = bandwidth(device)?;
    Ok(Ceilings {
        operations_per_second,
        arithmetic_seconds,
        matrix_operations_per_second: matrix_rate(device),
        bytes_per_second,
        copied_bytes,
        launch_seconds: launch(device)?,
    })
}

fn prepared(device: &Device, graph: Graph) -> Result<Prepared> {
    let problem = Problem {
        graph: Arc::new(graph),
        weights: Arc::new(NoWeights),
        feeds: Vec::new(),
        wanted: Vec::new(),
        precision: Precision::F32,
        bound: 0.0,
    };
    let mut prepared = problem.prepare(device, &Selection::automatic())?;
    // The first run compiles, and touches memory for the first time.
    prepared.take(Purpose::Sample)?;
    Ok(prepared)
}

/// Seconds of each of a few runs on `clock`.
fn runs(prepared: &mut Prepared, clock: Clock, most: usize) -> Result<Vec<f64>> {
    let (mut seconds, mut spent) = (Vec::new(), 0.0);
    while seconds.is_empty() || (seconds.len() < most && spent < PROBE_SECONDS) {
        let sample = prepared.take(Purpose::Sample)?;
        spent += sample.spent;
        seconds.push(sample.on(clock));
    }
    Ok(seconds)
}

fn best(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min).max(f64::MIN_POSITIVE)
}

/// Operations a second, and the seconds that the probe lasted.
fn arithmetic(device: &Device) -> Result<(f64, f64)> {
    let mut probe = FIRST;
    loop {
        let mut graph = Graph::new();
        let sums = graph.call(probe.clone(), &[], "sums", [probe.elements])?;
        graph.output(sums)?;
        let seconds = best(&runs(&mut prepared(device, graph)?, clock_of(device), REPETITIONS)?);
        match longer(&probe, seconds) {
            Some(next) => probe = next,
            None => return Ok((probe.cost(Precision::F32).operations as f64 / seconds, seconds)),
        }
    }
}

/// A probe that lasts long enough, where this one took so few seconds that it does not: first of more invocations, then of
/// more turns.
fn longer(probe: &PeakArithmetic, seconds: f64) -> Option<PeakArithmetic> {
    if seconds >= ARITHMETIC_SECONDS {
        return None;
    }
    // Half as long again as needed, so that one step is enough.
    let factor = (1.5 * ARITHMETIC_SECONDS / seconds.max(1e-6)).ceil() as usize;
    let factor = factor.next_power_of_two();
    let elements = (probe.elements * factor).min(MOST_ELEMENTS.max(probe.elements));
    let turns = (factor / (elements / probe.elements)).max(1);
    let steps = (probe.steps * turns).min(MOST_STEPS);
    let next = PeakArithmetic { elements, steps };
    (next != *probe).then_some(next)
}

/// Bytes a second, and the bytes that a pass touches. Where memory is short, the pass is smaller.
fn bandwidth(device: &Device) -> Result<(f64, u64)> {
    let mut copies = COPIES;
    let elements = COPIED.min((device.largest_value() / size_of::<f32>() as u64) as usize / 4 * 4);
    loop {
        match copying(device, elements, copies) {
            Err(error) if error.kind() == ErrorKind::OutOfMemory && copies > 1 => copies /= 2,
            outcome => return outcome,
        }
    }
}

fn copying(device: &Device, elements: usize, copies: usize) -> Result<(f64, u64)> {
    let mut graph = Graph::new();
    let content = Tensor::f32([elements], scattered(elements))?;
    for copy in 0..copies {
        let from = graph.constant(&format!("from.{copy}"), content.clone())?;
        let to = graph.call(PeakCopy { elements }, &[Some(from)], &format!("to.{copy}"), [elements])?;
        // Outputs keep their memory to the end, so that no two copies share it.
        graph.output(to)?;
    }
    drop(content);
    let cost = graph.cost(Precision::F32);
    let bytes = cost.read + cost.written;
    let seconds = best(&runs(&mut prepared(device, graph)?, clock_of(device), REPETITIONS)?);
    Ok((bytes as f64 / seconds, bytes))
}

/// Seconds from handing over the smallest kernel to its end, on the host's clock.
fn launch(device: &Device) -> Result<f64> {
    let mut graph = Graph::new();
    let from = graph.constant("from", Tensor::f32([4], vec![1.0; 4])?)?;
    let to = graph.call(PeakCopy { elements: 4 }, &[Some(from)], "to", [4])?;
    graph.output(to)?;
    Ok(quantile(&runs(&mut prepared(device, graph)?, Clock::Wall, LAUNCHES)?, 0.5))
}

impl Ceilings {
    /// The better of these and `other`, one by one.
    pub(super) fn better(&self, other: &Self) -> Self {
        Self {
            operations_per_second: self.operations_per_second.max(other.operations_per_second),
            matrix_operations_per_second: self.matrix_rate_with(other),
            bytes_per_second: self.bytes_per_second.max(other.bytes_per_second),
            launch_seconds: self.launch_seconds.min(other.launch_seconds),
            ..*self
        }
    }

    /// The better rate of matrix units of these and `other`.
    fn matrix_rate_with(&self, other: &Self) -> Option<f64> {
        let rates = [self, other].into_iter().filter_map(|ceilings| ceilings.matrix_operations_per_second);
        rates.reduce(f64::max)
    }

    /// Those of products at `precision`: matrix units multiply f16 where there are any.
    pub(super) fn at(&self, precision: Precision) -> Self {
        let by_matrices = self.matrix_operations_per_second.filter(|_| precision == Precision::F16).unwrap_or(0.0);
        Self { operations_per_second: self.operations_per_second.max(by_matrices), ..*self }
    }

    /// The least seconds in which so many operations can be done and so many bytes be moved.
    pub(super) fn least_seconds(&self, operations: u64, bytes: u64) -> f64 {
        (operations as f64 / self.operations_per_second).max(bytes as f64 / self.bytes_per_second)
    }
}

/// What a reader must know of ceilings that were not the same `before` and `after` the rows.
pub(super) fn moved(name: &str, before: &Ceilings, after: &Ceilings) -> Vec<String> {
    let of = |what: &str, before: f64, after: f64, unit: &str| {
        let share = (before - after).abs() / before.max(after);
        (share > MOVED).then(|| {
            let (percent, [before, after]) = (100.0 * share, [before, after].map(|rate| rate * 1e-9));
            format!(
                "{name}: {what} was {before:.1} {unit}/s before the rows and {after:.1} after, {percent:.0} % apart; \
                 shares are of the better, and times may be as uncertain as that"
            )
        })
    };
    let arithmetic = of("arithmetic", before.operations_per_second, after.operations_per_second, "GFLOP");
    let bandwidth = of("bandwidth", before.bytes_per_second, after.bytes_per_second, "GB");
    arithmetic.into_iter().chain(bandwidth).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    const CEILINGS: Ceilings = Ceilings {
        operations_per_second: 100e9,
        arithmetic_seconds: 0.02,
        matrix_operations_per_second: None,
        bytes_per_second: 10e9,
        copied_bytes: 1 << 29,
        launch_seconds: 1e-5,
    };

    #[test]
    fn the_least_time_is_that_of_whichever_ceiling_binds() {
        assert_relative_eq!(CEILINGS.least_seconds(200_000_000_000, 5), 2.0);
        assert_relative_eq!(CEILINGS.least_seconds(200, 40_000_000_000), 4.0);
    }

    #[test]
    fn matrix_units_are_the_ceiling_of_f16() {
        let ceilings = Ceilings { matrix_operations_per_second: Some(800e9), ..CEILINGS };
        assert_relative_eq!(ceilings.at(Precision::F16).operations_per_second, 800e9);
        assert_relative_eq!(ceilings.at(Precision::F16Weights).operations_per_second, 100e9);
        assert_relative_eq!(CEILINGS.at(Precision::F16).operations_per_second, 100e9);
        assert_eq!(CEILINGS.better(&ceilings).matrix_operations_per_second, Some(800e9));
    }

    #[test]
    fn ceilings_that_moved_are_told() {
        assert!(moved("a device", &CEILINGS, &Ceilings { operations_per_second: 97e9, ..CEILINGS }).is_empty());
        let notes = moved("a device", &CEILINGS, &Ceilings { bytes_per_second: 8e9, ..CEILINGS });
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with("a device: bandwidth was 10.0 GB/s before the rows and 8.0 after, 20 % apart"));
        let better = CEILINGS.better(&Ceilings { operations_per_second: 110e9, bytes_per_second: 8e9, ..CEILINGS });
        assert_relative_eq!(better.operations_per_second, 110e9);
        assert_relative_eq!(better.bytes_per_second, 10e9);
    }

    #[test]
    fn arithmetic_grows_until_it_lasts() {
        // A device of 60 TFLOP/s, however little it is given.
        let seconds = |probe: &PeakArithmetic| probe.cost(Precision::F32).operations as f64 / 60e12;
        let mut probe = FIRST;
        let mut grown = 0;
        while let Some(next) = longer(&probe, seconds(&probe)) {
            probe = next;
            grown += 1;
        }
        assert!(seconds(&probe) >= ARITHMETIC_SECONDS && seconds(&probe) < 10.0 * ARITHMETIC_SECONDS, "{probe:?}");
        assert!(grown <= 2 && probe.elements == MOST_ELEMENTS, "{probe:?} after {grown}");
        assert_eq!(longer(&probe, 0.02), None);
        let whole = PeakArithmetic { elements: MOST_ELEMENTS, steps: MOST_STEPS };
        assert_eq!(longer(&whole, 1e-3), None);
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn copies_touch_all_their_memory() {
        let (rate, bytes) = copying(&Device::host(None).unwrap(), 1 << 12, 3).unwrap();
        assert_eq!(bytes, (3 * 2 * 4) << 12);
        assert!(rate.is_finite() && rate > 0.0);
    }
}
