//! Kernel calls over time, in the format of Chrome's traces, which Perfetto (<https://ui.perfetto.dev>) opens.
//!
//! Perfetto reads such files by rules of its own, which are kept here:
//!
//! - Times are microseconds. `displayTimeUnit` is left out: it changes nothing now, and some versions took it for the unit.
//! - Times are cut to whole nanoseconds, starts and durations each by itself, and a slice that then ends within another is
//!   dropped. So slices lie on whole nanoseconds, and each ends one before the next begins.
//! - Two slices of no duration at the same time are drawn as if one had called the other. So each has a nanosecond at least.
//! - A thread is known by its number alone, and a process has a main thread of its own number. So no two numbers are equal.
//! - A string that ends in a backslash does not end for it, and a fraction may have 19 digits at most. So there are no
//!   backslashes, and rates have six significant digits.

use serde_json::{Map, Value, json};

use super::super::{Benchmark, BenchmarkRow, RowMeasurement, TimedCall};
use super::words;

/// A trace of one pass of every row: a process a device, a track a row, a slice each call, one after another from 0. Where a
/// device does not tell the time of its calls, a row is one slice as long as its median.
pub fn trace(benchmark: &Benchmark) -> String {
    let devices = benchmark.devices.len();
    let mut events = Vec::new();
    for (index, device) in benchmark.devices.iter().enumerate() {
        let process = index + 1;
        events.push(metadata("process_name", [process, process], json!({"name": text(&device.name)})));
    }
    for (index, row) in benchmark.rows.iter().enumerate() {
        let Some(measurement) = row.measurement() else { continue };
        let track = [row.device + 1, devices + index + 1];
        let title = title(row);
        events.push(metadata("thread_name", track, json!({"name": title})));
        // Tracks lie in the order of the rows.
        events.push(metadata("thread_sort_index", track, json!({"sort_index": index})));
        events.extend(slices(track, &title, measurement));
    }
    json!({"traceEvents": events}).to_string()
}

/// What a row computes, and its sizes.
fn title(row: &BenchmarkRow) -> String {
    text(&format!("{}, {}", words::title(&row.work), words::sizes(&row.work)))
}

/// A text of somebody else's, which no reader takes for longer than it is.
fn text(text: &str) -> String {
    words::plain(text).replace('\\', "/")
}

/// Something about a track: of this process and thread.
fn metadata(name: &str, [process, thread]: [usize; 2], arguments: Value) -> Value {
    json!({"ph": "M", "name": name, "pid": process, "tid": thread, "args": arguments})
}

fn slices(track: [usize; 2], title: &str, measurement: &RowMeasurement) -> Vec<Value> {
    let mut clock = TraceClock::default();
    let mut slice = |name: &str, seconds: f64, arguments: Value| {
        let ([process, thread], (start, duration)) = (track, clock.next(seconds));
        json!({"ph": "X", "name": name, "pid": process, "tid": thread, "ts": start, "dur": duration, "args": arguments})
    };
    if measurement.calls.is_empty() {
        let operations = json!({"operations": measurement.cost.operations, "calls": "not timed one by one"});
        return vec![slice(title, measurement.median, operations)];
    }
    measurement.calls.iter().map(|call| slice(&text(&call.kernel), call.seconds, arguments(call))).collect()
}

/// Where slices that follow each other lie, in whole nanoseconds.
#[derive(Default)]
struct TraceClock {
    /// Of all slices so far: what is rounded does not add up.
    seconds: f64,
    /// Where the next begins, in nanoseconds.
    end: u64,
}

impl TraceClock {
    /// Start and duration of the next slice in microseconds. It ends a nanosecond before its time is over.
    fn next(&mut self, seconds: f64) -> (f64, f64) {
        self.seconds += seconds;
        let start = self.end;
        self.end = ((1e9 * self.seconds).round() as u64).max(start + 2);
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        (microseconds(start), microseconds(self.end - start - 1))
    }
}

fn arguments(call: &TimedCall) -> Value {
    let mut arguments = Map::new();
    let mut add = |name: &str, value: Value| arguments.insert(name.to_owned(), value);
    add("value", text(&call.value).into());
    add("variant", text(&call.variant).into());
    add("operations", call.operations.into());
    add("bytes", call.bytes.into());
    for (name, amount) in [("GFLOP/s", call.operations), ("GB/s", call.bytes)] {
        // Of a call that took no time there is none.
        if let Some(rate) = six_digits(amount as f64 / call.seconds * 1e-9) {
            add(name, rate.into());
        }
    }
    arguments.into()
}

/// A number to six significant digits; `None` for one that is not finite.
fn six_digits(value: f64) -> Option<f64> {
    format!("{value:.5e}").parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::sample;
    use super::*;
    use crate::bench::RowOutcome;

    fn events(benchmark: &Benchmark) -> Vec<Value> {
        let trace: Value = serde_json::from_str(&trace(benchmark)).unwrap();
        trace["traceEvents"].as_array().unwrap().clone()
    }

    fn number(event: &Value, key: &str) -> u64 {
        event[key].as_u64().unwrap_or_else(|| panic!("{key} of {event} is no number"))
    }

    /// Both ways in which readers find nanoseconds: from the nearest float, and from whole and broken microseconds apart.
    fn nanoseconds(event: &Value, key: &str) -> [u64; 2] {
        let microseconds = event[key].as_f64().unwrap_or_else(|| panic!("{key} of {event} is no number"));
        assert!(microseconds >= 0.0);
        let text = event[key].to_string();
        let (whole, digits) = text.split_once('.').unwrap_or((text.as_str(), ""));
        let fraction: f64 = if digits.is_empty() { 0.0 } else { digits.parse().unwrap() };
        let apart = whole.parse::<u64>().unwrap() as f64 + fraction / 10f64.powi(digits.len() as i32);
        [(1e3 * microseconds) as u64, (1e3 * apart) as u64]
    }

    /// The sample, and one with calls that take no time, calls that end between nanoseconds, and a hostile name.
    fn benchmarks() -> [Benchmark; 2] {
        let (sample, mut odd) = (sample::benchmark(), sample::benchmark());
        let rows = odd.rows.iter_mut().filter_map(|row| match &mut row.outcome {
            RowOutcome::Measured(measurement) => Some(measurement),
            _ => None,
        });
        for (index, call) in rows.flat_map(|measurement| &mut measurement.calls).enumerate() {
            call.seconds = [0.0, 0.0, 1e-9, 1.0005e-6, 1.0015e-6, 1.0 / 3.0 * 1e-5, 0.7e-9][index % 7];
            call.value = "ends in \\".into();
        }
        odd.devices[1].name = "C:\\".into();
        [sample, odd]
    }

    /// What a reader would drop or move: every slice begins where or behind where the one before has ended, none lies within
    /// another, and each lasts.
    #[test]
    fn slices_of_a_track_follow_each_other() {
        for benchmark in benchmarks() {
            let mut ends: HashMap<u64, [u64; 2]> = HashMap::new();
            for event in events(&benchmark).iter().filter(|event| event["ph"] == "X") {
                let (starts, durations) = (nanoseconds(event, "ts"), nanoseconds(event, "dur"));
                let end = ends.entry(number(event, "tid")).or_default();
                for reader in 0..2 {
                    assert!(durations[reader] > 0, "{event}");
                    assert!(starts[reader] >= end[reader], "{event} begins before {}", end[reader]);
                    end[reader] = starts[reader] + durations[reader];
                }
            }
            assert!(!ends.is_empty());
        }
    }

    #[test]
    fn every_call_is_a_slice_and_all_take_the_time_of_their_row() {
        let benchmark = sample::benchmark();
        let events = events(&benchmark);
        for (index, row) in benchmark.rows.iter().enumerate() {
            let track = (benchmark.devices.len() + index + 1) as u64;
            let of_row = |event: &&Value| event["ph"] == "X" && number(event, "tid") == track;
            let slices: Vec<&Value> = events.iter().filter(of_row).collect();
            let Some(measurement) = row.measurement() else {
                assert!(slices.is_empty());
                continue;
            };
            assert_eq!(slices.len(), measurement.calls.len().max(1));
            assert!(slices.iter().all(|slice| number(slice, "pid") == row.device as u64 + 1));
            let last = slices[slices.len() - 1];
            let end = last["ts"].as_f64().unwrap() + last["dur"].as_f64().unwrap();
            // Microseconds, to the nanosecond of rounding and the one between slices.
            assert!((end - 1e6 * measurement.median).abs() < 2e-3, "row {index}");
        }
    }

    /// Metadata come before what they are about, and are about one process or one thread.
    #[test]
    fn processes_are_devices_and_threads_are_rows() {
        for benchmark in benchmarks() {
            let events = events(&benchmark);
            let (mut processes, mut threads) = (HashSet::new(), HashMap::new());
            for event in &events {
                let (process, thread) = (number(event, "pid"), number(event, "tid"));
                let named = || event["args"]["name"].as_str().is_some_and(|name| !name.is_empty());
                match (event["ph"].as_str().unwrap(), event["name"].as_str().unwrap()) {
                    ("M", "process_name") => assert!(named() && process == thread && processes.insert(process)),
                    ("M", "thread_name") => assert!(named() && threads.insert(thread, process).is_none()),
                    ("M", "thread_sort_index") => assert!(event["args"]["sort_index"].is_u64()),
                    ("X", name) => assert!(!name.is_empty()),
                    other => panic!("{other:?} is no event of a trace"),
                }
                // The main thread of a process has its number.
                assert!(processes.contains(&process) && (process == thread || !processes.contains(&thread)), "{event}");
                assert!(process == thread || threads.get(&thread) == Some(&process), "{event}");
                assert!(process > 0 && thread > 0, "0 is the number of what idles");
            }
            assert_eq!(processes.len(), benchmark.devices.len());
        }
        let events = events(&sample::benchmark());
        let names = |kind: &str| -> Vec<String> {
            let named = events.iter().filter(|event| event["name"] == kind);
            named.map(|event| event["args"]["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("process_name"), ["<script>alert(1)</script> | GPU", "cpu (x86_64, AVX-512, 16 threads)"]);
        assert_eq!(names("thread_name")[0], "Model 1, joint, vit-b/16x2, 8×224×224: 784 tokens");
    }

    #[test]
    fn the_text_is_what_a_simple_reader_takes() {
        for benchmark in benchmarks() {
            let text = trace(&benchmark);
            assert!(text.starts_with("{\"traceEvents\":[{") && !text.contains("displayTimeUnit"));
            assert!(!text.contains("null") && !text.contains("\\\\"));
            for event in events(&benchmark) {
                let rates = ["GFLOP/s", "GB/s"].map(|rate| event["args"][rate].clone());
                for number in rates.iter().chain([&event["ts"], &event["dur"]]).filter(|number| number.is_number()) {
                    let digits = number.to_string();
                    let fraction = digits.split_once('.').map_or("", |(_, digits)| digits);
                    assert!(fraction.len() < 19, "{digits}");
                }
            }
        }
    }
}
