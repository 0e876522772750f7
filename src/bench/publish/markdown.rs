//! A block to paste.

use std::fmt::Write;

use super::super::{Benchmark, BenchmarkRow, MeasuredDevice};
use super::amounts::{NONE, bytes_per_second, error, operations_per_second, percent, seconds};
use super::escaping::cell;
use super::growth::growths;
use super::words;

/// The result as a block of Markdown: devices with their ceilings, a table of the rows of each, how time grows with
/// tokens. What was wrong is struck out, with the reason.
pub fn markdown(benchmark: &Benchmark) -> String {
    let mut text = format!("### tubelet bench, {}\n\n{}\n", cell(&benchmark.taken), facts(benchmark));
    for (index, device) in benchmark.devices.iter().enumerate() {
        _ = write!(text, "\n{}\n", device_facts(device));
        let rows: Vec<&BenchmarkRow> = benchmark.rows.iter().filter(|row| row.device == index).collect();
        if rows.is_empty() {
            text.push_str("\nNothing was measured on it.\n");
            continue;
        }
        text.push_str("\n| work | sizes | floats | median | 20 to 80 % | rate | roofline | error, bound |\n");
        text.push_str("|---|---|---|---|---|---|---|---|\n");
        rows.iter().for_each(|row| _ = writeln!(text, "| {} |", cells(row).join(" | ")));
        text.push_str(&exponents(benchmark, index));
    }
    for note in &benchmark.notes {
        _ = write!(text, "\n{}\n", cell(note));
    }
    text
}

/// The program and the machine.
fn facts(benchmark: &Benchmark) -> String {
    let machine = &benchmark.machine;
    let commit = benchmark.commit.as_ref().map_or(String::new(), |commit| format!(", commit {}", cell(commit)));
    let processor = machine.processor.as_ref().map_or(String::new(), |name| format!("{}, ", cell(name)));
    let checks = if benchmark.settings.checks { ", run-time checks on" } else { "" };
    let cold = if benchmark.settings.cold { ", cold: every sample compiles and loads" } else { "" };
    format!(
        "tubelet {}{commit}; {processor}{} threads, {} {}{checks}{cold}. `tubelet bench{}`",
        cell(&benchmark.version),
        machine.threads,
        cell(&machine.system),
        cell(&machine.architecture),
        // Nothing ends a span of code but a backtick.
        benchmark
            .options
            .iter()
            .map(|option| format!(" {}", words::plain(option).replace('`', "'")))
            .collect::<String>(),
    )
}

fn device_facts(device: &MeasuredDevice) -> String {
    let driver = device
        .capabilities
        .as_ref()
        .map_or(String::new(), |known| format!(", {} through {}", cell(&known.driver), cell(&known.backend)));
    let best = |before: f64, after: f64| before.max(after);
    let arithmetic = best(device.before.operations_per_second, device.after.operations_per_second);
    let bandwidth = best(device.before.bytes_per_second, device.after.bytes_per_second);
    let unit = if device.computes_on_cpu { " (of CPU time)" } else { "" };
    format!(
        "**{}**{driver}. Ceilings, measured: {}, {}{unit}.",
        cell(&device.name),
        operations_per_second(arithmetic),
        bytes_per_second(bandwidth)
    )
}

fn cells(row: &BenchmarkRow) -> [String; 8] {
    let (title, sizes) = (cell(&words::title(&row.work)), cell(&words::sizes(&row.work)));
    let precision = words::precision(row.precision);
    let none = || NONE.to_owned();
    if let Some((word, reason)) = words::trouble(&row.outcome) {
        let struck = if word == "impossible" { title } else { format!("~~{title}~~") };
        return [struck, sizes, precision, format!("{word}: {}", cell(&reason)), none(), none(), none(), none()];
    }
    let Some(times) = row.measurement() else {
        return [title, sizes, precision, none(), none(), none(), none(), none()];
    };
    let unsettled = if times.warm_up.settled { "" } else { " (not settled)" };
    let checks = times.verified.iter().map(|check| format!("{}, {}", error(check.relative_l2), error(check.bound)));
    let checked = checks.collect::<Vec<_>>().join("; ");
    [
        title,
        sizes,
        precision,
        format!("{}{}{unsettled}", seconds(times.median), words::times_forward(times)),
        format!("{} to {}", seconds(times.low), seconds(times.high)),
        operations_per_second(times.cost.operations as f64 / times.median),
        percent(times.shares.roofline),
        if checked.is_empty() { "not verified".to_owned() } else { checked },
    ]
}

/// How time grows on a device, where anything was measured at several sizes.
fn exponents(benchmark: &Benchmark, device: usize) -> String {
    let growths = growths(benchmark).into_iter().filter(|growth| growth.device == device && growth.sizes > 1);
    let described = growths.map(|growth| format!("{} {}", cell(&growth.work), growth.describe()));
    match described.collect::<Vec<_>>() {
        described if described.is_empty() => String::new(),
        described => format!("\nTime grows as tokens to the power of: {}.\n", described.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_block_says_what_was_measured_and_what_was_not() {
        let text = markdown(&sample::benchmark());
        for expected in [
            "commit 7c79b725bb38262b2918f3911d8f32db4f533169",
            "**&lt;script&gt;alert(1)&lt;/script&gt; \\| GPU**, NVIDIA 570.86 &amp; \"more\" through vulkan",
            "`tubelet bench --full --report a folder`",
            "| Model 1, joint | vit-b/16x2, 32×224×224: 3,136 tokens | f32 |",
            "| ~~Model 3, factorised-self-attention~~ |",
            "wrong: linear.plain differs",
            "impossible: a value of 4.8 GiB",
            "(not settled)",
            "Time grows as tokens to the power of: Model 1, joint 1.",
            "too few sizes (1)",
        ] {
            // Only lines of several sizes tell how time grows.
            assert_eq!(text.contains(expected), expected != "too few sizes (1)", "{expected}\n{text}");
        }
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn a_training_step_stands_beside_its_forward_pass() {
        let text = markdown(&sample::with_steps());
        let line = text.lines().find(|line| line.starts_with("| Model 2, factorised-encoder, training step |"));
        assert!(line.is_some_and(|line| line.contains(", 3.25 × its forward pass |")), "{text}");
        assert!(text.contains("training step 1."), "how the time of steps grows: {text}");
    }

    #[test]
    fn every_line_of_a_table_has_as_many_cells() {
        let text = markdown(&sample::benchmark());
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert!(lines.len() > 35);
        for line in lines {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 9, "{line}");
        }
    }
}
