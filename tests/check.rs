//! The check floor finds planted faults, makes them small, writes what shows them and runs them again; and nothing that goes
//! wrong on the way ends a run.

mod common;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{DeviceTests, Shown};
use tubelet::check::{
    CaseFinding, Checks, DeviceFindings, GradientFinding, ModelCase, Replay, Subject, Unwatched, Verdict, Watch,
    model_gradients, models,
};
use tubelet::gpu::Gpu;
use tubelet::graph::{Graph, Weights};
use tubelet::kernels::rows::Softmax;
use tubelet::kernels::{
    Binding, Case, Dispatches, Draw, Family, Fill, Kernel, Literals, Needs, Planned, Reference, Shader, Unfit, input,
    word,
};
use tubelet::tensor::{Element, Error, ErrorKind, Exact, Result, Shape, Tensor};

type Test = (&'static str, fn(&Gpu));

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let on_device: [Test; 10] = [
        ("every planted fault is caught, made small, shown and run again", every_fault_is_caught),
        ("the first wrong call of a model is named", the_first_wrong_call_is_named),
        ("the four models agree", the_four_models_agree),
        ("the gradients of the four models agree", the_gradients_agree),
        ("a wrong gradient is named, with the first wrong call", a_wrong_gradient_is_named),
        ("a lost device ends its own run alone", a_lost_device_ends_its_own_run_alone),
        ("panics and errors end no run", panics_and_errors_end_no_run),
        ("what a device lacks is unsupported", what_a_device_lacks_is_unsupported),
        ("an interrupted run skips what is left", an_interrupted_run_skips_what_is_left),
        ("a soak goes on with random shapes", a_soak_goes_on),
    ];
    for (name, test) in on_device {
        tests.add_on_gpu(name, move |device| {
            test(device);
            Ok(Shown::Passed)
        });
    }
    tests.add_on_gpu("damaged evidence is refused", |gpu| {
        damaged_evidence_is_refused(gpu);
        Ok(Shown::Passed)
    });
    #[cfg(feature = "cpu")]
    tests.add_without_device("the processor is checked, too", || {
        the_processor_is_checked();
        Ok(())
    });
    tests.run("check")
}

/// A masked softmax by one workgroup a row, as it should be and with a fault at a time.
const WGSL: &str = "
struct Uniform { rows: u32, columns: u32, }
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> highest: array<f32>;

var<workgroup> peaks: array<f32, 32>;
var<workgroup> sums: array<f32, 32>;

fn is_nan(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u; }

fn larger(one: f32, other: f32) -> f32 {
{% if fault == 'nan_swallowed' %}
    return max(one, other);
{% else %}
    return select(max(one, other), bitcast<f32>(0x7fc00000u | call.rows), is_nan(one) || is_nan(other));
{% endif %}
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let m = group.x;
    let lane = local.x;
    let start = m * call.columns;
    var peak = -3.0e38;
    for (var c = lane; c < call.columns; c += 32u) { peak = larger(peak, input[start + c]); }
    peaks[lane] = peak;
    sums[lane] = 0.0;
    workgroupBarrier();
    for (var i = 0u; i < 32u; i += 1u) { peak = larger(peak, peaks[i]); }
    var total = 0.0;
    var end = call.columns;
{% if fault == 'tile_edge' %}
    if end % 32u == 0u { end -= 1u; }
{% elif fault == 'stopped_loop' %}
    end = min(end, 64u);
{% endif %}
    let shift = {{ '0.0' if fault == 'no_maximum' else 'peak' }};
    for (var c = lane; c < end; c += {{ 64 if fault == 'large_step' else 32 }}u) {
        let weight = exp(input[start + c] - shift);
        total = {{ 'quantizeToF16(total + weight)' if fault == 'f16_sums' else 'total + weight' }};
    }
    sums[lane] = total;
{% if fault != 'no_barrier' %}
    workgroupBarrier();
{% endif %}
    total = 0.0;
    for (var i = 0u; i < 32u; i += 1u) { total += sums[i]; }
    let seen = mask[{{ '(m + 1u) % call.rows' if fault == 'wrong_mask_row' else 'm' }}] != 0u;
    for (var c = lane; c < call.columns; c += 32u) {
        var share = select(0.0, exp(input[start + c] - shift) / total, seen);
{% if fault == 'wrong_element' %}
        if start + c == 17u { share += 0.01; }
{% elif fault == 'overrun' %}
        if c == 0u { output[call.rows * call.columns] = 0.0; }
{% endif %}
        output[start + c] {{ '+=' if fault == 'stale_output' else '=' }} share;
    }
    if lane == 0u { highest[m] = peak; }
}
";

/// A variant that is called as its fault is.
macro_rules! faulty {
    ($fault:literal) => {
        Planned::any(
            Shader::new(concat!("shares.", $fault, ".wgsl"), WGSL),
            Needs::invocations(32).workgroup_floats(64),
            |call, dispatches| plan(call, dispatches, $fault),
        )
    };
}

static VARIANTS: [Planned<Shares>; 12] = [
    faulty!("right"),
    faulty!("wrong_element"),
    faulty!("tile_edge"),
    faulty!("large_step"),
    faulty!("no_barrier"),
    faulty!("stale_output"),
    faulty!("overrun"),
    faulty!("wrong_mask_row"),
    faulty!("f16_sums"),
    faulty!("stopped_loop"),
    faulty!("no_maximum"),
    faulty!("nan_swallowed"),
];

fn plan(call: &Shares, dispatches: &mut Dispatches<'_>, fault: &'static str) -> Result<(), Unfit> {
    let uniform = Uniform { rows: word(call.rows)?, columns: word(call.columns)? };
    let literals = Literals::new().with("fault", fault);
    dispatches.launch(call.rows as u64, literals, &uniform, vec![None; 4])
}

static SHARES: Family = Family::of::<Shares>(
    "shares",
    "out[m, c] = mask[m] ? softmax_c(in[m, c]) : 0, highest[m] = max_c in[m, c]",
    Uniform::FIELDS,
    BINDINGS,
    cases,
)
.random(random);

const BINDINGS: &[Binding] = &[
    Binding::read("input", "[M, C]"),
    Binding::read_words("mask", "[M]"),
    Binding::write("output", "[M, C]"),
    Binding::write("highest", "[M]"),
];

tubelet::uniform! {
    struct Uniform {
        rows: u32,
        columns: u32,
    }
}

#[derive(Clone, Debug)]
struct Shares {
    rows: usize,
    columns: usize,
}

impl Kernel for Shares {
    const FAMILY: &'static Family = &SHARES;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = shares;

    fn operands(&self) -> Vec<Option<Shape>> {
        let (rows, columns) = (self.rows, self.columns);
        vec![Some([rows, columns].into()), Some([rows].into()), Some([rows, columns].into()), Some([rows].into())]
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        (self.rows * self.columns) as u64
    }
}

fn shares(call: &Shares, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (values, mask) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.words()?);
    let (mut output, mut highest) = (Vec::new(), Vec::new());
    for (row, seen) in values.chunks_exact(call.columns).zip(mask) {
        let larger = |one: f64, other: &f64| if one.is_nan() || other.is_nan() { f64::NAN } else { one.max(*other) };
        let peak = row.iter().fold(f64::NEG_INFINITY, larger);
        let total: f64 = row.iter().map(|value| (value - peak).exp()).sum();
        output.extend(row.iter().map(|value| if *seen == 0 { 0.0 } else { (value - peak).exp() / total }));
        highest.push(peak);
    }
    Ok(vec![Exact::from_reals([call.rows, call.columns], output)?, Exact::from_reals([call.rows], highest)?])
}

fn cases() -> Vec<Case> {
    let of = |name: &str, rows, columns| Case::new(name, Shares { rows, columns }).fill(1, Fill::Words(2));
    let values = (0..3 * 40).map(|index| if index == 50 { f32::NAN } else { (index as f32).sin() }).collect();
    vec![
        of("primes", 7, 97),
        of("tiles", 5, 96),
        of("large values", 4, 50).fill(0, Fill::Between(100.0, 110.0)),
        of("a NaN", 3, 40).given(0, Tensor::f32([3, 40], values)),
    ]
}

fn random(draw: &mut Draw) -> Case {
    let (rows, columns) = (draw.size(20), draw.size(300));
    let range = draw.one_of(&[Fill::Spread(1.0), Fill::Between(100.0, 110.0)]);
    let case = Case::new("random", Shares { rows, columns }).fill(0, range);
    let case = match draw.chance() {
        true => case.fill(1, Fill::Words(2)),
        false => case.given(1, Tensor::u32([rows], vec![1; rows])),
    };
    draw.poisoned(case, 0)
}

/// The only variant of a kernel of its own is wrong, so that a graph gets it.
#[derive(Clone, Debug)]
struct Broken(Shares);

static BROKEN: Family = Family::of::<Broken>("broken_shares", "as shares", Uniform::FIELDS, BINDINGS, Vec::new);

static BROKEN_VARIANTS: [Planned<Broken>; 1] = [Planned::any(
    Shader::new("broken_shares.wgsl", WGSL),
    Needs::invocations(32).workgroup_floats(64),
    |call, dispatches| plan(&call.0, dispatches, "large_step"),
)];

impl Kernel for Broken {
    const FAMILY: &'static Family = &BROKEN;
    const VARIANTS: &'static [Planned<Self>] = &BROKEN_VARIANTS;
    const REFERENCE: Reference<Self> = |call, inputs| shares(&call.0, inputs);

    fn operands(&self) -> Vec<Option<Shape>> {
        Kernel::operands(&self.0)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        1
    }
}

fn subject(gpu: &Gpu) -> Subject {
    Subject::on_gpu(gpu.clone())
}

fn first_failure<'a>(found: &'a DeviceFindings, variant: &str) -> &'a CaseFinding {
    found.failures().find(|failure| failure.variant == variant).unwrap_or_else(|| panic!("{variant} is not caught"))
}

/// The files of a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Each fault, a part of the sentence on it, and the smallest call that shows it.
const FAULTS: [(&str, &str, &str); 11] = [
    ("wrong_element", "elements unequal", "rows: 1, columns: 18"),
    ("tile_edge", "elements unequal", "rows: 1, columns: 32"),
    ("large_step", "elements unequal", "rows: 1, columns: 33"),
    ("no_barrier", "elements unequal", "rows: 1, columns: "),
    ("stale_output", "NaN instead of", "rows: 1, columns: 1 }"),
    ("overrun", "wrote behind output: 1 elements after its end", "rows: 1, columns: 1 }"),
    ("wrong_mask_row", "elements unequal", "columns: 1 }"),
    ("f16_sums", "elements unequal", "rows: 1, columns: "),
    ("stopped_loop", "elements unequal", "rows: 1, columns: 65"),
    ("no_maximum", "instead of", "rows: 1, columns: 1 }"),
    ("nan_swallowed", "instead of NaN", "rows: 1, columns: 1 }"),
];

fn every_fault_is_caught(gpu: &Gpu) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("made/when something fails");
    let checks = Checks::new(&[&SHARES]).seed(3).evidence(root.clone());
    let found = checks.run(&subject(gpu), &mut Unwatched);
    let right = &found.kernels[0];
    assert_eq!((right.variant, right.counts.failed, right.counts.passed), ("right", 0, 8), "{:?}", found.cases[0]);
    assert!(right.relative_l2.unwrap() < 2e-6 && right.outliers == 0.0 && right.ulps.elements() > 1000);
    for (variant, words, smallest) in FAULTS {
        let failure = first_failure(&found, variant);
        let (reason, shown) = (failure.reason.as_deref().unwrap(), failure.smallest.as_deref().unwrap());
        assert!(reason.contains(words), "{variant}: {reason}");
        assert!(shown.contains(smallest), "{variant}: {shown} is not the smallest");
        let evidence = failure.evidence.as_deref().unwrap_or_else(|| panic!("{variant}: {reason}"));
        let mut wanted = vec!["README.md", "case.json", "device.json"];
        if variant != "overrun" {
            wanted.push("actual.safetensors");
        }
        wanted.extend(["expected.safetensors", "inputs.safetensors", "shader.wgsl"]);
        wanted.sort_unstable();
        assert_eq!(names(evidence), wanted, "{variant}");
        let text = |name: &str| std::fs::read_to_string(evidence.join(name)).unwrap();
        assert!(text("README.md").contains(shown) && text("README.md").contains(reason), "{}", text("README.md"));
        assert!(text("shader.wgsl").contains("fn main") && text("device.json").contains(&gpu.capabilities().driver));
        run_again(gpu, evidence, variant);
    }
    assert_eq!(FAULTS.len() + 1, SHARES.variants().len(), "a fault without its report");
    assert!(names(&root).len() <= 3 * FAULTS.len() && names(&root).iter().all(|name| name.starts_with("shares-")));
}

/// The recorded case fails again by its variant, and passes by the right one.
fn run_again(gpu: &Gpu, evidence: &Path, variant: &str) {
    let again = |path: &Path| Replay::read(path).unwrap().run(&subject(gpu), &[&SHARES], &[]).unwrap();
    assert_eq!(again(evidence).counts.failed, 1, "{variant} passes when it runs again");
    let record = std::fs::read_to_string(evidence.join("case.json")).unwrap();
    let right = evidence.join("right.json");
    std::fs::write(&right, record.replace(&format!("\"{variant}\""), "\"right\"")).unwrap();
    let found = again(&right);
    assert_eq!((found.counts.passed, found.cases[0].variant), (1, "right"), "{:?}", found.cases[0].reason);
    std::fs::remove_file(right).unwrap();
}

struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("there are no weights {name}")))
    }
}

/// Three calls, of which the second is wrong.
fn graph() -> ModelCase {
    let (graph, feeds) = three_calls();
    ModelCase::new("three calls", graph, Arc::new(NoWeights), feeds)
}

/// Inputs by their names.
type Feeds = Vec<(String, Tensor)>;

fn three_calls() -> (Graph, Feeds) {
    let (rows, columns) = (4, 50);
    let mut graph = Graph::new();
    let clip = graph.input("clip", [rows, columns], Element::F32).unwrap();
    let mask = graph.constant("mask", Tensor::u32([rows], vec![1; rows]).unwrap()).unwrap();
    let first = graph.call(Softmax { rows, width: columns }, &[Some(clip)], "first", [rows, columns]).unwrap();
    let outputs: [(&str, Shape); 2] = [("second", [rows, columns].into()), ("second peak", [rows].into())];
    let second = graph.call_many(Broken(Shares { rows, columns }), &[Some(first), Some(mask)], &outputs).unwrap();
    let third = graph.call(Softmax { rows, width: columns }, &[Some(second[0])], "third", [rows, columns]).unwrap();
    graph.output(third).unwrap();
    let values = (0..rows * columns).map(|index| 3.0 * (index as f32).sin()).collect();
    (graph, vec![("clip".to_owned(), Tensor::f32([rows, columns], values).unwrap())])
}

/// The same calls as a backward pass: the last is the gradient of a weight, and so is the first, which is right.
fn gradient_graph() -> ModelCase {
    let (graph, feeds) = three_calls();
    let [first, third] = ["first", "third"].map(|name| graph.find(name).unwrap());
    let case = ModelCase::new("gradients of three calls", graph, Arc::new(NoWeights), feeds);
    case.gradients(first, [("early".to_owned(), first), ("late".to_owned(), third)])
}

fn the_first_wrong_call_is_named(gpu: &Gpu) {
    let folder = tempfile::tempdir().unwrap();
    let checks = Checks::new(&[]).models(vec![graph()]).evidence(folder.path().join("evidence"));
    let found = checks.run(&subject(gpu), &mut Unwatched);
    let model = &found.models[0];
    assert_eq!((model.verdict, found.counts.failed, model.first), (Verdict::Failed, 1, Some(1)));
    let call = &model.calls[1];
    assert_eq!((call.value.as_str(), call.kernel, call.variant), ("second", "broken_shares", "plain"));
    assert!(model.calls[0].relative_l2 < 1e-6 && call.relative_l2 > 1e-3);
    let reason = model.reason.as_deref().unwrap();
    assert!(reason.contains("call 1 (broken_shares) computes second"), "{reason}");
    let evidence = model.evidence.as_deref().unwrap();
    let text = |name: &str| std::fs::read_to_string(evidence.join(name)).unwrap();
    assert!(text("shader.wgsl").contains("c += 64u") && text("README.md").contains("Broken(Shares"));
    let inputs = std::fs::read(evidence.join("inputs.safetensors")).unwrap();
    let inputs = safetensors::SafeTensors::deserialize(&inputs).unwrap();
    let mut given = inputs.names();
    given.sort_unstable();
    assert_eq!(given, ["first", "mask"]);
    let again = Replay::read(evidence).unwrap().run(&subject(gpu), &[], &[graph()]).unwrap();
    assert_eq!(again.counts.failed, 1);
    let other = Replay::read(evidence).unwrap().run(&subject(gpu), &[], &models(0).unwrap());
    assert!(other.unwrap_err().to_string().contains("three calls"));
}

fn the_four_models_agree(gpu: &Gpu) {
    let found = Checks::new(&[]).models(models(5).unwrap()).run(&subject(gpu), &mut Unwatched);
    assert_eq!(found.counts.passed, 4, "{:?}", found.models.iter().map(|model| &model.reason).collect::<Vec<_>>());
    for model in &found.models {
        assert!(model.calls.len() > 15 && model.calls.iter().any(|call| call.value == "logits"), "{}", model.model);
        assert!(model.calls.iter().any(|call| call.relative_l2 > 0.0), "{} is compared with itself", model.model);
    }
}

fn the_gradients_agree(gpu: &Gpu) {
    let found = Checks::new(&[]).models(model_gradients(5).unwrap()).run(&subject(gpu), &mut Unwatched);
    assert_eq!(found.counts.passed, 4, "{:?}", found.models.iter().map(|model| &model.reason).collect::<Vec<_>>());
    for model in &found.models {
        let gradients = &model.gradients;
        assert!(gradients.len() > 30 && gradients.iter().all(GradientFinding::is_close), "{}", model.model);
        assert!(gradients.iter().any(|gradient| gradient.distance > 1e-9), "{} is compared with itself", model.model);
        let zero = gradients.iter().filter(|gradient| gradient.zero_in_theory);
        assert!(zero.clone().count() >= 2 && zero.clone().all(|gradient| gradient.weight.ends_with(".key.bias")));
        assert!(model.calls.iter().any(|call| call.value == "loss") && model.first.is_none(), "{}", model.model);
    }
}

fn a_wrong_gradient_is_named(gpu: &Gpu) {
    let folder = tempfile::tempdir().unwrap();
    let checks = Checks::new(&[]).models(vec![gradient_graph()]).evidence(folder.path().join("evidence"));
    let found = checks.run(&subject(gpu), &mut Unwatched);
    let model = &found.models[0];
    assert_eq!((model.verdict, found.counts.failed, model.first), (Verdict::Failed, 1, Some(1)));
    let close: Vec<_> = model.gradients.iter().map(|gradient| (&*gradient.weight, gradient.is_close())).collect();
    assert_eq!(close, [("early", true), ("late", false)]);
    let reason = model.reason.as_deref().unwrap();
    for part in ["the gradient of late is ", "call 1 (broken_shares) computes second"] {
        assert!(reason.contains(part), "{reason}");
    }
    let evidence = model.evidence.as_deref().unwrap();
    let text = |name: &str| std::fs::read_to_string(evidence.join(name)).unwrap();
    assert!(text("shader.wgsl").contains("c += 64u") && text("README.md").contains(reason), "{}", text("README.md"));
    let again = Replay::read(evidence).unwrap().run(&subject(gpu), &[], &[graph(), gradient_graph()]).unwrap();
    assert_eq!((again.counts.failed, &*again.models[0].model), (1, "gradients of three calls"));
}

/// Does something before the step of this number.
struct At<F> {
    left: Cell<usize>,
    act: F,
}

impl<F: Fn()> Watch for At<F> {
    fn begin(&mut self, _: &str, _: u64) {}

    fn next(&mut self, _: &str, _: u64) {
        self.left.set(self.left.get().wrapping_sub(1));
        if self.left.get() == 0 {
            (self.act)();
        }
    }

    fn interrupted(&self) -> bool {
        false
    }
}

fn a_lost_device_ends_its_own_run_alone(gpu: &Gpu) {
    let own = Gpu::named(&gpu.capabilities().name).unwrap();
    let victim = own.clone();
    let mut watch = At { left: Cell::new(3), act: move || victim.destroy() };
    let checks = Checks::new(&[Softmax::FAMILY]).models(models(0).unwrap());
    let found = checks.run(&subject(&own), &mut watch);
    let verdicts: Vec<_> = found.cases.iter().map(|finding| finding.verdict).collect();
    assert_eq!(verdicts[..4], [Verdict::Passed, Verdict::Passed, Verdict::Failed, Verdict::Skipped]);
    assert!(found.cases[2].reason.as_deref().unwrap().contains("the device was lost"));
    assert!(found.cases[3].reason.as_deref().unwrap().contains("the device was lost"));
    assert_eq!((found.counts.failed, found.counts.skipped), (1, found.counts.total() - 3));
    let reasons = found.reasons(Verdict::Skipped);
    assert!(reasons.len() == 1 && reasons[0].1 == found.counts.skipped, "{reasons:?}");
    let other = Checks::new(&[Softmax::FAMILY]).run(&subject(gpu), &mut Unwatched);
    assert_eq!(other.counts.failed, 0);
}

/// A reference that panics, a shader that is none, a case that cannot be made.
#[derive(Clone, Debug)]
struct Hopeless(Shares);

static HOPELESS: Family = Family::of::<Hopeless>("hopeless", "", Uniform::FIELDS, BINDINGS, || {
    let of = |name: &str, rows| Case::new(name, Hopeless(Shares { rows, columns: 5 })).fill(1, Fill::Words(2));
    vec![of("panics", 1), of("fails", 2), of("unmade", 2).given(0, Tensor::f32([1], Vec::new())), of("no shader", 3)]
});

static HOPELESS_VARIANTS: [Planned<Hopeless>; 1] =
    [Planned::any(Shader::new("hopeless.wgsl", "no shader at all"), Needs::invocations(32), |call, dispatches| {
        plan(&call.0, dispatches, "right")
    })];

impl Kernel for Hopeless {
    const FAMILY: &'static Family = &HOPELESS;
    const VARIANTS: &'static [Planned<Self>] = &HOPELESS_VARIANTS;
    const REFERENCE: Reference<Self> = |call, inputs| match call.0.rows {
        1 => panic!("out of ideas"),
        2 => Err(Error::usage("it will not be computed")),
        _ => shares(&call.0, inputs),
    };

    fn operands(&self) -> Vec<Option<Shape>> {
        Kernel::operands(&self.0)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        1
    }
}

fn panics_and_errors_end_no_run(gpu: &Gpu) {
    let found = Checks::new(&[&HOPELESS, Softmax::FAMILY]).run(&subject(gpu), &mut Unwatched);
    for (finding, words) in found.cases.iter().zip(["out of ideas", "it will not be computed", "cannot", "no shader"]) {
        let reason = finding.reason.as_deref().unwrap();
        assert_eq!(finding.verdict, Verdict::Failed, "{reason}");
        assert!(finding.case == "unmade" || reason.contains(words), "{}: {reason}", finding.case);
    }
    assert_eq!(found.counts.failed, 4);
    assert!(found.counts.passed > 15, "{:?}", found.counts);
}

fn what_a_device_lacks_is_unsupported(gpu: &Gpu) {
    let small = gpu.restricted(|capabilities| capabilities.limits.workgroup_invocations = 16);
    let found = Checks::new(&[&SHARES]).run(&subject(&small), &mut Unwatched);
    assert_eq!(found.counts.unsupported, found.counts.total());
    let reasons = found.reasons(Verdict::Unsupported);
    assert!(reasons.len() == 1 && reasons[0].0.contains("32 invocations"), "{reasons:?}");
    assert!(found.kernels.iter().all(|tally| tally.relative_l2.is_none()));
}

/// Interrupts after so many steps.
struct Impatient(usize);

impl Watch for Impatient {
    fn begin(&mut self, _: &str, _: u64) {}

    fn next(&mut self, _: &str, _: u64) {
        self.0 = self.0.saturating_sub(1);
    }

    fn interrupted(&self) -> bool {
        self.0 == 0
    }
}

fn an_interrupted_run_skips_what_is_left(gpu: &Gpu) {
    let checks = Checks::new(&[Softmax::FAMILY]).soak(Duration::from_secs(3600));
    let found = checks.run(&subject(gpu), &mut Impatient(3));
    assert_eq!((found.counts.passed, found.counts.skipped), (2, found.counts.total() - 2));
    assert_eq!(found.reasons(Verdict::Skipped)[0].0, "interrupted");
}

fn a_soak_goes_on(gpu: &Gpu) {
    let plain = Checks::new(&[Softmax::FAMILY]).run(&subject(gpu), &mut Unwatched);
    let checks = Checks::new(&[Softmax::FAMILY]).soak(Duration::from_millis(700));
    let soaked = checks.run(&subject(gpu), &mut Unwatched);
    assert!(soaked.counts.total() > plain.counts.total() && soaked.counts.failed == 0, "{:?}", soaked.counts);
    let passed = |found: &DeviceFindings| found.cases.iter().filter(|case| case.verdict == Verdict::Passed).count();
    assert_eq!(passed(&soaked), passed(&plain), "what passes in a soak is counted and not listed");
    // A fault that no declared case and no early shape shows is found, too.
    let rare = Checks::new(&[&RARE]).shapes(0).soak(Duration::from_secs(20));
    let found = rare.run(&subject(gpu), &mut Stops(Cell::new(400)));
    let failure = found.failures().next().unwrap();
    assert!(failure.smallest.as_deref().unwrap().contains("rows: 1, columns: 65"), "{:?}", failure.smallest);
}

/// Interrupts once it has been asked so often.
struct Stops(Cell<usize>);

impl Watch for Stops {
    fn begin(&mut self, _: &str, _: u64) {}

    fn next(&mut self, _: &str, _: u64) {
        self.0.set(self.0.get().saturating_sub(1));
    }

    fn interrupted(&self) -> bool {
        self.0.get() == 0
    }
}

/// Declared at sizes that hide its fault.
#[derive(Clone, Debug)]
struct Rare(Shares);

static RARE: Family = Family::of::<Rare>("rare", "as shares", Uniform::FIELDS, BINDINGS, Vec::new).random(|draw| {
    let (rows, columns) = (draw.size(20), draw.size(300));
    Case::new("random", Rare(Shares { rows, columns })).given(1, Tensor::u32([rows], vec![1; rows]))
});

static RARE_VARIANTS: [Planned<Rare>; 1] =
    [Planned::any(Shader::new("rare.wgsl", WGSL), Needs::invocations(32).workgroup_floats(64), |call, dispatches| {
        plan(&call.0, dispatches, "stopped_loop")
    })];

impl Kernel for Rare {
    const FAMILY: &'static Family = &RARE;
    const VARIANTS: &'static [Planned<Self>] = &RARE_VARIANTS;
    const REFERENCE: Reference<Self> = |call, inputs| shares(&call.0, inputs);

    fn operands(&self) -> Vec<Option<Shape>> {
        Kernel::operands(&self.0)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        1
    }
}

fn damaged_evidence_is_refused(gpu: &Gpu) {
    let folder = tempfile::tempdir().unwrap();
    let checks = Checks::new(&[&SHARES]).shapes(0).evidence(folder.path().join("evidence"));
    let found = checks.run(&subject(gpu), &mut Unwatched);
    let evidence = first_failure(&found, "stale_output").evidence.clone().unwrap();
    let run = || Replay::read(&evidence).and_then(|replay| replay.run(&subject(gpu), &[&SHARES], &[]));
    let refused = |words: &str| {
        let error = run().unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    };
    let inputs: PathBuf = evidence.join("inputs.safetensors");
    let whole = std::fs::read(&inputs).unwrap();
    for length in [0, 7, 8, whole.len() - 1] {
        std::fs::write(&inputs, &whole[..length]).unwrap();
        refused("is not what the case is given");
    }
    std::fs::write(&inputs, vec![0; 4 << 20]).unwrap();
    refused("has more than the");
    std::fs::write(&inputs, std::fs::read(evidence.join("expected.safetensors")).unwrap()).unwrap();
    refused("is not what the case is given");
    std::fs::remove_file(&inputs).unwrap();
    assert_eq!(run().unwrap().counts.failed, 1, "without them the case makes its own");
    let case = evidence.join("case.json");
    let record = std::fs::read_to_string(&case).unwrap();
    std::fs::write(&case, record.replace("\"stale_output\"", "\"no_such\"")).unwrap();
    assert_eq!(run().unwrap_err().kind(), ErrorKind::Usage);
    std::fs::write(&case, record.replace("\"shares\"", "\"other\"")).unwrap();
    refused("the kernel \"other\"");
}

#[cfg(feature = "cpu")]
fn the_processor_is_checked() {
    let subject = Subject::on_host(Some(2)).unwrap();
    let checks = Checks::new(&[Softmax::FAMILY, tubelet::kernels::products::Linear::FAMILY, &SHARES]);
    let found = checks.models([models(0).unwrap(), model_gradients(0).unwrap()].concat()).run(&subject, &mut Unwatched);
    let of = |kernel: &str| found.kernels.iter().find(|tally| tally.kernel == kernel).unwrap();
    assert_eq!((of("softmax").variant, of("softmax").counts.failed), ("host", 0));
    let linear = of("linear").counts;
    assert!(linear.failed == 0 && linear.passed > 20 && linear.unsupported > 5, "{linear:?}");
    assert_eq!(of("shares").counts.unsupported, 8);
    let reasons = found.reasons(Verdict::Unsupported);
    assert!(reasons.iter().any(|(reason, _)| reason.contains("keeps weights in f32")), "{reasons:?}");
    assert!(reasons.iter().any(|(reason, _)| reason.contains("no implementation on the host")), "{reasons:?}");
    assert!(found.models.iter().all(|model| model.verdict == Verdict::Passed && model.calls[0].variant == "host"));
}
