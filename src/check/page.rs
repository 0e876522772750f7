//! The report as a page: one file that loads nothing from elsewhere.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::finding::{CaseFinding, Counts, GradientFinding, ModelFinding, Verdict};
use super::report::DeviceFindings;
use super::tally::Tally;
use super::ulps::Ulps;
use crate::report::document;
use crate::tensor::{LONGEST_TEXT, Result, printable};

/// A device on the page, all numbers in words.
#[derive(Serialize)]
struct DevicePart {
    name: String,
    driver: Option<String>,
    error: Option<String>,
    time: String,
    counts: Counts,
    /// Unsupported, then skipped.
    reasons: Vec<ReasonPart>,
    failures: Vec<FailurePart>,
    kernels: Vec<KernelPart>,
    models: Vec<ModelPart>,
}

#[derive(Serialize)]
struct ReasonPart {
    verdict: &'static str,
    reason: String,
    count: usize,
}

/// A failure of a kernel or a model.
#[derive(Serialize)]
struct FailurePart {
    title: String,
    reason: String,
    smallest: Option<String>,
    evidence: Option<String>,
}

#[derive(Serialize)]
struct KernelPart {
    kernel: &'static str,
    variant: &'static str,
    counts: Counts,
    relative_l2: String,
    worst: String,
    worst_case: String,
    ulps: Vec<BarPart>,
    median: String,
    tail: String,
    outliers: String,
}

/// A bar of a distribution: how high it is in per cent of the highest, and what it stands for.
#[derive(Serialize)]
struct BarPart {
    height: f64,
    title: String,
}

#[derive(Serialize)]
struct ModelPart {
    name: String,
    verdict: &'static str,
    reason: Option<String>,
    gradients: Vec<GradientPart>,
    calls: Vec<CallPart>,
}

/// The gradient of a weight.
#[derive(Serialize)]
struct GradientPart {
    weight: String,
    kernel: &'static str,
    variant: &'static str,
    distance: String,
    bound: String,
    zero_in_theory: bool,
    close: bool,
}

#[derive(Serialize)]
struct CallPart {
    value: String,
    kernel: &'static str,
    variant: &'static str,
    relative_l2: String,
    share_of_peak: String,
    first: bool,
}

/// The bytes of a page on `devices`, with `facts` (what, and which) at its top.
pub fn html(title: &str, facts: &[(&str, String)], devices: &[DeviceFindings]) -> Result<Vec<u8>> {
    let facts: Vec<_> = facts.iter().map(|(name, fact)| ((*name).to_owned(), plain(fact))).collect();
    let counts = devices.iter().fold(Counts::default(), |counts, device| counts + device.counts);
    let parts: Vec<_> = devices.iter().map(DevicePart::of).collect();
    let values = context! {
        title => plain(title),
        facts => Value::from(Serde(facts)),
        counts => Value::from(Serde(counts)),
        devices => Value::from(Serde(parts)),
    };
    document::render(&[("page.html", include_str!("page.html"))], values).map(String::into_bytes)
}

/// Drivers' names and words are other people's texts.
fn plain(text: &str) -> String {
    printable(text, LONGEST_TEXT)
}

impl DevicePart {
    fn of(device: &DeviceFindings) -> Self {
        let reasons = [(Verdict::Unsupported, "unsupported"), (Verdict::Skipped, "skipped")].into_iter();
        let reasons = reasons.flat_map(|(verdict, word)| {
            let of = device.reasons(verdict).into_iter();
            of.map(move |(reason, count)| ReasonPart { verdict: word, reason: plain(&reason), count })
        });
        let failures = device.failures().map(FailurePart::of_case);
        Self {
            name: plain(&device.name),
            driver: device.driver.as_deref().map(plain),
            error: device.error.as_deref().map(plain),
            time: format!("{:.0} s", device.seconds),
            counts: device.counts,
            reasons: reasons.collect(),
            failures: failures.chain(device.failed_models().map(FailurePart::of_model)).collect(),
            kernels: device.kernels.iter().map(KernelPart::of).collect(),
            models: device.models.iter().map(ModelPart::of).collect(),
        }
    }
}

impl FailurePart {
    fn of_case(finding: &CaseFinding) -> Self {
        Self {
            title: format!("{}, {}: {}", finding.kernel, finding.variant, plain(&finding.case)),
            reason: plain(finding.reason.as_deref().unwrap_or_default()),
            smallest: finding.smallest.as_deref().map(plain),
            evidence: finding.evidence.as_ref().map(|folder| plain(&folder.display().to_string())),
        }
    }

    fn of_model(finding: &ModelFinding) -> Self {
        Self {
            title: plain(&finding.model),
            reason: plain(finding.reason.as_deref().unwrap_or_default()),
            smallest: None,
            evidence: finding.evidence.as_ref().map(|folder| plain(&folder.display().to_string())),
        }
    }
}

impl KernelPart {
    fn of(tally: &Tally) -> Self {
        let worst = tally.worst.as_ref();
        let element = |worst: &super::WorstOfCases| {
            let of_peak = scientific(worst.share_of_peak);
            format!("{of_peak} of the peak: {}{:?}", worst.output, worst.element.index)
        };
        let came = |worst: &super::WorstOfCases| {
            let [actual, expected] = [worst.element.actual, worst.element.expected].map(exact);
            format!("{}: {actual} instead of {expected}", plain(&worst.case))
        };
        let ran = tally.relative_l2.is_some();
        Self {
            kernel: tally.kernel,
            variant: tally.variant,
            counts: tally.counts,
            relative_l2: tally.relative_l2.map_or_else(dash, scientific),
            worst: worst.map_or_else(|| if ran { "exact".to_owned() } else { dash() }, element),
            worst_case: worst.map_or_else(String::new, came),
            ulps: bars(&tally.ulps),
            median: if ran { quantile(&tally.ulps, 0.5) } else { dash() },
            tail: if ran { quantile(&tally.ulps, 0.999) } else { dash() },
            outliers: if ran { format!("{:.2} %", 100.0 * tally.outliers) } else { dash() },
        }
    }
}

impl ModelPart {
    fn of(finding: &ModelFinding) -> Self {
        let verdict = match finding.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Unsupported => "unsupported",
            Verdict::Skipped => "skipped",
        };
        let calls = finding.calls.iter().enumerate().map(|(index, call)| CallPart {
            value: plain(&call.value),
            kernel: call.kernel,
            variant: call.variant,
            relative_l2: scientific(call.relative_l2),
            share_of_peak: scientific(call.share_of_peak),
            first: finding.first == Some(index),
        });
        Self {
            name: plain(&finding.model),
            verdict,
            reason: finding.reason.as_deref().map(plain),
            gradients: finding.gradients.iter().map(GradientPart::of).collect(),
            calls: calls.collect(),
        }
    }
}

impl GradientPart {
    fn of(finding: &GradientFinding) -> Self {
        Self {
            weight: plain(&finding.weight),
            kernel: finding.kernel,
            variant: finding.variant,
            distance: scientific(finding.distance),
            bound: scientific(finding.bound),
            zero_in_theory: finding.zero_in_theory,
            close: finding.is_close(),
        }
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn scientific(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value.is_finite() => format!("{value:.1e}"),
        _ => "not a number".to_owned(),
    }
}

/// All digits of a value, of one in f32 those that tell it from its neighbours.
fn exact(value: f64) -> String {
    let single = value as f32;
    if f64::from(single) == value { format!("{single:e}") } else { format!("{value:e}") }
}

/// The distance that this share of elements keeps to.
fn quantile(ulps: &Ulps, share: f64) -> String {
    ulps.quantile(share).map_or_else(|| "not comparable".to_owned(), |ulps| ulps.to_string())
}

/// Heights of the bars by the logarithm of their elements, so that few outliers show beside millions.
fn bars(ulps: &Ulps) -> Vec<BarPart> {
    let height = |elements: u64| (1.0 + elements as f64).log10();
    let spread = ulps.spread();
    let highest = spread.iter().map(|(_, elements)| height(*elements)).fold(1.0, f64::max);
    let bar = |(up_to, elements): &(Option<u64>, u64)| {
        let distance = up_to.map_or_else(|| "not comparable".to_owned(), |ulps| format!("up to {ulps} ULP"));
        BarPart { height: 100.0 * height(*elements) / highest, title: format!("{distance}: {elements} elements") }
    };
    spread.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Measurement, WorstElement};
    use crate::tensor::Tensor;

    fn devices() -> Vec<DeviceFindings> {
        let mut device = DeviceFindings::unopened("card <b>& \u{1b}[2J", "");
        (device.error, device.counts) = (None, Counts::default());
        let tensor = |values: [f32; 2]| Tensor::f32([2], values.to_vec()).unwrap();
        let measurement = Measurement::between("output", &tensor([1.0, f32::NAN]), &tensor([1.0, 2.0]));
        assert_eq!(measurement.as_ref().unwrap().worst.as_ref().map(|WorstElement { index, .. }| index.len()), Some(1));
        let case = |verdict, reason: &str| CaseFinding {
            kernel: "softmax",
            variant: "plain",
            case: "a <script>".into(),
            verdict,
            reason: Some(reason.into()),
            measurement: measurement.clone().filter(|_| verdict == Verdict::Failed),
            smallest: (verdict == Verdict::Failed).then(|| "Softmax { rows: 1 }".into()),
            decisions: None,
            evidence: None,
        };
        device.add(case(Verdict::Failed, "wrong & late"), true);
        device.add(case(Verdict::Unsupported, "lacks subgroups"), true);
        device.add(case(Verdict::Skipped, "interrupted"), true);
        let mut model = ModelFinding::without_calls("gradients of a model", Verdict::Failed, "one is wrong".into());
        let gradient = |weight: &str, zero_in_theory, distance| GradientFinding {
            weight: weight.into(),
            kernel: "linear",
            variant: "plain",
            zero_in_theory,
            distance,
            bound: 1e-5,
        };
        model.gradients = vec![gradient("block.<kernel>", false, f64::NAN), gradient("block.key.bias", true, 1e-9)];
        device.add_model(model);
        vec![device, DeviceFindings::unopened("broken card", "the driver is <old>")]
    }

    #[test]
    fn the_page_says_everything_and_loads_nothing() {
        let page = String::from_utf8(html("kernels & models", &[("seed", "7".into())], &devices()).unwrap()).unwrap();
        for part in [
            "kernels &amp; models",
            "card &lt;b&gt;&amp; ",
            "a &lt;script&gt;",
            "wrong &amp; late",
            "Softmax { rows: 1 }",
            "lacks subgroups",
            "interrupted",
            "gradients of a model",
            "2 gradients",
            "<tr class=\"first\"><td>block.&lt;kernel&gt;",
            "<tr><td>block.key.bias",
            "1.0e-9, of all, and 0 in theory",
            "the driver is &lt;old&gt;",
            "not a number",
            "prefers-color-scheme: dark",
            "name=\"viewport\"",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<script", "\u{1b}"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn few_outliers_show_beside_millions() {
        let mut ulps = Ulps::between(&Tensor::zeros([1_000_000], crate::tensor::Element::F32), &{
            Tensor::zeros([1_000_000], crate::tensor::Element::F32)
        });
        ulps.merge(&Ulps::between(&Tensor::f32([1], vec![1.0]).unwrap(), &Tensor::f32([1], vec![-1.0]).unwrap()));
        let bars = bars(&ulps);
        assert!(bars.len() == 2 && bars[0].height == 100.0 && bars[1].height > 4.0);
    }
}
