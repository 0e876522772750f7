//! The public list of results: a file each, a line a device.

use std::fmt::Write;

use super::super::{Benchmark, Clock};
use super::amounts::{NONE, percent, seconds};
use super::escaping::cell;
use super::growth::growths;
use super::paper::Beside;
use super::words;

/// The name of the file in which a result is published: that of its first device.
pub fn file_name(benchmark: &Benchmark) -> String {
    /// Longer names are unwieldy, and no device needs them.
    const LONGEST: usize = 80;
    let name = benchmark.devices.first().map_or("", |device| device.name.as_str());
    let letters = words::plain(name).to_lowercase();
    let words: Vec<&str> =
        letters.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(LONGEST).collect();
    format!("{}.json", if name.is_empty() { "device" } else { name.trim_end_matches('-') })
}

/// A table in Markdown of a line a device: the run times of the four models at the sizes of the paper, or at those at which
/// the most were measured. `results` are files by their names, which lie in `folder`.
pub fn summary(results: &[(String, Benchmark)], folder: &str) -> String {
    let line = |(name, benchmark): &(String, Benchmark)| -> String {
        let devices = (0..benchmark.devices.len()).filter_map(|device| Beside::of_device(benchmark, device));
        devices.map(|beside| times(name, benchmark, &beside, folder)).collect()
    };
    match results.iter().map(line).collect::<String>() {
        lines if lines.is_empty() => EMPTY.to_owned(),
        lines => format!("{HEAD}{lines}"),
    }
}

/// All sizes of the models of every device, and how their time grows with their tokens.
pub fn tables(results: &[(String, Benchmark)], folder: &str) -> String {
    let mut text = String::new();
    for (name, benchmark) in results {
        for (index, device) in benchmark.devices.iter().enumerate() {
            let groups = Beside::all(benchmark, index);
            if groups.is_empty() {
                continue;
            }
            let lines: String = groups.iter().map(|beside| times(name, benchmark, beside, folder)).collect();
            let taken = cell(&benchmark.taken);
            _ = write!(
                text,
                "## {}\n\n{taken}, tubelet {}\n\n{HEAD}{lines}",
                cell(&device.name),
                cell(&benchmark.version)
            );
            text.push_str(&exponents(benchmark, index));
            text.push('\n');
        }
    }
    if text.is_empty() { EMPTY.to_owned() } else { text.trim_end().to_owned() + "\n" }
}

const EMPTY: &str = "No result of this program is in `benches/results/` yet.\n";

const HEAD: &str =
    "| device, driver | sizes | Model 1 | Model 2 | Model 3 | Model 4 | result |\n|---|---|---|---|---|---|---|\n";

/// A line of the table.
fn times(name: &str, benchmark: &Benchmark, beside: &Beside<'_>, folder: &str) -> String {
    let Some(device) = benchmark.devices.get(beside.device) else { return String::new() };
    let driver = device.capabilities.as_ref().map_or(String::new(), |known| format!("; {}", cell(&known.driver)));
    let checks = if benchmark.settings.checks { ", run-time checks on" } else { "" };
    let models: Vec<String> = (0..4).map(|index| time(beside, index)).collect();
    let sizes = cell(&beside.sizes());
    format!(
        "| {}{driver}{checks} | {sizes} | {} | [{name}]({folder}/{name}) |\n",
        cell(&device.name),
        models.join(" | ")
    )
}

/// `5.2 ms, 47 %`: the median, and its share of the roofline.
fn time(beside: &Beside<'_>, index: usize) -> String {
    let Some(times) = beside.times(index) else { return beside.missing(index).replace("not measured", NONE) };
    let cpu = if times.clock == Clock::Cpu { " of CPU time" } else { "" };
    let unsettled = if times.warm_up.settled { "" } else { ", not settled" };
    format!("{}{cpu}, {}{unsettled}", seconds(times.median), percent(times.shares.roofline))
}

fn exponents(benchmark: &Benchmark, device: usize) -> String {
    let growths = growths(benchmark).into_iter().filter(|growth| growth.device == device);
    let lines = growths.filter(|growth| growth.law.is_some());
    let lines: String = lines.map(|growth| format!("| {} | {} |\n", cell(&growth.work), growth.describe())).collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("\n| time grows as tokens to the power of | |\n|---|---|\n{lines}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn results() -> Vec<(String, Benchmark)> {
        let benchmark = sample::benchmark();
        vec![(file_name(&benchmark), benchmark)]
    }

    #[test]
    fn a_line_a_device_links_to_its_file() {
        let text = summary(&results(), "benches/results");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[2].starts_with("| &lt;script&gt;alert(1)&lt;/script&gt; \\| GPU; NVIDIA 570.86"), "{text}");
        assert!(lines[2].contains("| vit-b/16x2, 32×224×224 |") && lines[2].contains(" ms, 47 % |"), "{text}");
        assert!(
            lines[2].ends_with("[script-alert-1-script-gpu.json](benches/results/script-alert-1-script-gpu.json) |")
        );
        assert!(lines[3].contains(" of CPU time, 47 % |") && lines[3].contains("| – | – |"), "{text}");
        for line in lines {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 8, "{line}");
        }
    }

    #[test]
    fn all_sizes_are_listed_and_what_was_struck_out_says_so() {
        let text = tables(&results(), "../benches/results");
        assert!(text.contains("64×224×224 | impossible | ") && text.contains(" | wrong | "), "{text}");
        assert!(text.contains(", not settled |") && text.contains("| Model 1, joint | 1."), "{text}");
        assert_eq!(text.matches("\n## ").count() + 1, 2, "{text}");
    }

    #[test]
    fn without_results_one_line_says_so() {
        assert_eq!((summary(&[], "").lines().count(), tables(&[], "").lines().count()), (1, 1));
    }

    #[test]
    fn files_are_named_after_the_first_device() {
        assert_eq!(file_name(&sample::benchmark()), "script-alert-1-script-gpu.json");
        let mut benchmark = sample::benchmark();
        for (name, expected) in
            [("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3.json"), ("映像", "device.json"), ("../..", "device.json")]
        {
            benchmark.devices[0].name = name.into();
            assert_eq!(file_name(&benchmark), expected);
        }
    }
}
