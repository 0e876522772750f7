//! What `tubelet check` prints.

use serde::Serialize;
use tubelet::check::{
    CallFinding, CaseFinding, Counts, DeviceFindings, GradientFinding, ModelFinding, Tally, Ulps, Verdict,
};

use crate::cli::output;
use crate::cli::preamble::Preamble;

#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    /// Of the random shapes; left out where one failure ran again.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    pub(super) devices: Vec<DeviceFindings>,
}

impl Report {
    pub(super) fn new(preamble: Preamble, seed: Option<u64>, devices: Vec<DeviceFindings>) -> Self {
        Self { preamble, seed, devices }
    }

    /// What stands at the top of the page.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let version = ("version", env!("CARGO_PKG_VERSION").to_owned());
        [version].into_iter().chain(self.seed.map(|seed| ("seed", seed.to_string()))).collect()
    }
}

pub(super) fn describe(report: &Report) -> String {
    report.devices.iter().map(describe_device).collect::<Vec<_>>().join("\n\n\n")
}

fn describe_device(device: &DeviceFindings) -> String {
    if let Some(error) = &device.error {
        return output::fields([("device", device.name.clone()), ("FAILED", format!("not opened: {error}"))]);
    }
    let mut facts = vec![("device", device.name.clone())];
    facts.extend(device.driver.clone().map(|driver| ("driver", driver)));
    facts.push(("time", output::roughly(std::time::Duration::from_secs_f64(device.seconds))));
    facts.push(("checks", counted(device.counts)));
    let mut blocks = vec![output::facts(&facts)];
    if !device.kernels.is_empty() {
        blocks.push(kernel_table(&device.kernels));
    }
    if !device.models.is_empty() {
        blocks.push(model_table(&device.models));
    }
    for (verdict, word) in [(Verdict::Unsupported, "unsupported"), (Verdict::Skipped, "skipped")] {
        let reasons = device.reasons(verdict);
        if !reasons.is_empty() {
            let lines: Vec<_> = reasons.into_iter().map(|(reason, count)| format!("  {count} {reason}")).collect();
            blocks.push(format!("{word}:\n{}", lines.join("\n")));
        }
    }
    blocks.extend(device.failures().map(describe_case));
    blocks.extend(device.failed_models().map(describe_model));
    blocks.join("\n\n")
}

fn counted(counts: Counts) -> String {
    let Counts { passed, failed, unsupported, skipped, .. } = counts;
    format!("{passed} passed, {failed} failed, {unsupported} unsupported, {skipped} skipped")
}

/// A block of rows for each kernel, a row for each variant.
fn kernel_table(tallies: &[Tally]) -> String {
    let titles = [
        "kernel, variants",
        " passed",
        " failed",
        " unsup.",
        " skipped",
        " L2",
        "worst, of the peak",
        " ULP",
        " outliers",
    ];
    let mut table = output::table(&titles);
    let mut before = None;
    for tally in tallies {
        if before.replace(tally.kernel) != Some(tally.kernel) {
            table.add_row([tally.kernel]);
        }
        let Tally { variant, counts, relative_l2, worst, ulps, outliers, .. } = tally;
        let mut row = vec![format!("  {variant}")];
        row.extend([counts.passed, counts.failed, counts.unsupported, counts.skipped].map(|count| count.to_string()));
        row.push(relative_l2.map_or_else(String::new, scientific));
        row.push(match worst {
            Some(worst) => format!("{} at {:?}", scientific(worst.share_of_peak), worst.element.index),
            None => relative_l2.map_or_else(String::new, |_| "exact".to_owned()),
        });
        row.push(relative_l2.map_or_else(String::new, |_| spread(ulps)));
        row.push(relative_l2.map_or_else(String::new, |_| format!("{:.2} %", 100.0 * outliers)));
        table.add_row(row);
    }
    let legend =
        "L2: of the worst case. ULP: half of all elements are as close as the first number, 99.9 % as the second.";
    format!("{}\n\n{legend}", table.trim_fmt())
}

/// How close half of the elements are, and nearly all.
fn spread(ulps: &Ulps) -> String {
    let of = |share| ulps.quantile(share).map_or_else(|| "NaN".to_owned(), |ulps| ulps.to_string());
    format!("{}, {}", of(0.5), of(0.999))
}

/// A row for each model; where the gradients of its weights are checked they stand for it.
fn model_table(models: &[ModelFinding]) -> String {
    let mut table = output::table(&["model", "outcome", " values", " worst L2", "at"]);
    for ModelFinding { model, verdict, calls, gradients, .. } in models {
        let checked = if gradients.is_empty() { calls.len() } else { gradients.len() };
        let (worst, at) = worst_gradient(gradients).or_else(|| worst_call(calls)).unwrap_or_default();
        table.add_row([model.clone(), word(*verdict).to_owned(), checked.to_string(), worst, at]);
    }
    table.trim_fmt()
}

fn worst_call(calls: &[CallFinding]) -> Option<(String, String)> {
    let worst = calls.iter().max_by(|one, other| one.relative_l2.total_cmp(&other.relative_l2))?;
    Some((scientific(worst.relative_l2), format!("{} ({}, {})", worst.value, worst.kernel, worst.variant)))
}

/// The one that is the nearest to its bound, or the farthest beyond.
fn worst_gradient(gradients: &[GradientFinding]) -> Option<(String, String)> {
    let share = |gradient: &GradientFinding| gradient.distance / gradient.bound;
    let worst = gradients.iter().max_by(|one, other| share(one).total_cmp(&share(other)))?;
    Some((scientific(worst.distance), format!("{} ({}, {})", worst.weight, worst.kernel, worst.variant)))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Unsupported => "unsupported",
        _ => "skipped",
    }
}

fn describe_case(finding: &CaseFinding) -> String {
    let CaseFinding { kernel, variant, case, reason, smallest, evidence, .. } = finding;
    let mut facts = vec![("FAILED", format!("{kernel}, variant {variant}, case {case}"))];
    facts.extend(reason.clone().map(|reason| ("", reason)));
    facts.extend(smallest.clone().map(|smallest| ("smallest", smallest)));
    facts.extend(evidence.as_ref().map(|folder| ("shown in", folder.display().to_string())));
    output::facts(&facts)
}

fn describe_model(finding: &ModelFinding) -> String {
    let ModelFinding { model, reason, evidence, .. } = finding;
    let mut facts = vec![("FAILED", model.clone())];
    facts.extend(reason.clone().map(|reason| ("", reason)));
    facts.extend(evidence.as_ref().map(|folder| ("shown in", folder.display().to_string())));
    output::facts(&facts)
}

fn scientific(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value.is_finite() => format!("{value:.1e}"),
        _ => "NaN".to_owned(),
    }
}
