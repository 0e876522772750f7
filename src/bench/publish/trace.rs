//! Kernel calls over time, in the format of Chrome's traces, which Perfetto (<https://ui.perfetto.dev>) opens.

use serde_json::{Value, json};

use super::super::{Benchmark, BenchmarkRow, RowMeasurement, TimedCall};
use super::words;

/// A trace of one pass of every row: a process a device, a track a row, a slice each call, one after another from 0. Where a
/// device does not tell the time of its calls, a row is one slice as long as its median.
pub fn trace(benchmark: &Benchmark) -> String {
    let devices = benchmark.devices.iter().enumerate();
    let mut events: Vec<Value> = devices.map(|(index, device)| named("process", index, None, &device.name)).collect();
    for (index, row) in benchmark.rows.iter().enumerate() {
        let Some(measurement) = row.measurement() else { continue };
        let title = format!("{}, {}", words::title(&row.work), words::sizes(&row.work));
        events.push(named("thread", row.device, Some(index), &title));
        events.push(sorted(row, index));
        events.extend(slices(row, index, &title, measurement));
    }
    json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
}

/// What a process or a thread is called. Numbers begin at 1: some viewers hide 0.
fn named(what: &str, device: usize, row: Option<usize>, name: &str) -> Value {
    let (process, thread) = (device + 1, row.map_or(0, |row| row + 1));
    json!({"ph": "M", "name": format!("{what}_name"), "pid": process, "tid": thread, "args": {"name": words::plain(name)}})
}

/// Tracks lie in the order of the rows.
fn sorted(row: &BenchmarkRow, index: usize) -> Value {
    json!({"ph": "M", "name": "thread_sort_index", "pid": row.device + 1, "tid": index + 1, "args": {"sort_index": index}})
}

fn slices(row: &BenchmarkRow, index: usize, title: &str, measurement: &RowMeasurement) -> Vec<Value> {
    let slice = |name: &str, start: f64, seconds: f64, arguments: Value| {
        // Microseconds.
        let (start, duration) = (1e6 * start, 1e6 * seconds);
        json!({
            "ph": "X", "name": words::plain(name), "pid": row.device + 1, "tid": index + 1, "ts": start, "dur": duration,
            "args": arguments,
        })
    };
    if measurement.calls.is_empty() {
        let operations = json!({"operations": measurement.cost.operations, "calls": "not timed one by one"});
        return vec![slice(title, 0.0, measurement.median, operations)];
    }
    let mut start = 0.0;
    let timed = measurement.calls.iter().map(|call| {
        let slice = slice(&call.kernel, start, call.seconds, arguments(call));
        start += call.seconds;
        slice
    });
    timed.collect()
}

fn arguments(call: &TimedCall) -> Value {
    let rate = |amount: u64| amount as f64 / call.seconds * 1e-9;
    json!({
        "value": words::plain(&call.value),
        "variant": words::plain(&call.variant),
        "operations": call.operations,
        "bytes": call.bytes,
        "GFLOP/s": rate(call.operations),
        "GB/s": rate(call.bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_call_is_a_slice_and_slices_of_a_track_follow_each_other() {
        let benchmark = sample::benchmark();
        let trace: Value = serde_json::from_str(&trace(&benchmark)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        for (index, row) in benchmark.rows.iter().enumerate() {
            let of_row = |event: &&Value| event["ph"] == "X" && event["tid"] == index + 1;
            let slices: Vec<&Value> = events.iter().filter(of_row).collect();
            let Some(measurement) = row.measurement() else {
                assert!(slices.is_empty());
                continue;
            };
            assert_eq!(slices.len(), measurement.calls.len().max(1));
            let mut end = 0.0;
            for slice in slices {
                assert!((slice["ts"].as_f64().unwrap() - end).abs() < 1e-6 && slice["pid"] == row.device + 1);
                end += slice["dur"].as_f64().unwrap();
            }
            assert!((end * 1e-6 / measurement.median - 1.0).abs() < 1e-9, "row {index}");
        }
    }

    #[test]
    fn processes_are_devices_and_threads_are_rows() {
        let trace: Value = serde_json::from_str(&trace(&sample::benchmark())).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let names = |kind: &str| -> Vec<String> {
            let named = events.iter().filter(|event| event["name"] == kind);
            named.map(|event| event["args"]["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("process_name"), ["<script>alert(1)</script> | GPU", "cpu (x86_64, AVX-512, 16 threads)"]);
        assert_eq!(names("thread_name")[0], "Model 1, joint, vit-b/16x2, 8×224×224: 784 tokens");
    }
}
