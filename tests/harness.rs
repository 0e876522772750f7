//! The suite can fail: a kernel written outside the crate, once right and once with each fault that the suite promises
//! to find.
//!
//! It uses the public contract alone, which shows too that kernels need not live in the crate.

mod common;
#[path = "harness/masked_sum.rs"]
mod masked_sum;
#[path = "harness/planted.rs"]
mod planted;
#[path = "harness/product.rs"]
mod product;
#[path = "harness/shares.rs"]
mod shares;

use std::process::ExitCode;

use common::{DeviceTests, Shown};
use planted::{FAULTS, RIGHT, is_right, none_is_left_out};
use tubelet::ErrorKind;
use tubelet::gpu::Gpu;
use tubelet::kernels::pixels::SelectFrames;
use tubelet::kernels::suite::{Outcome, check, judge, run};
use tubelet::kernels::{
    Binding, Case, Dispatches, Family, Fill, Kernel, Literals, Needs, Operation, Planned, Precision, Reference,
    Selection, Shader, Unfit, input, word,
};
use tubelet::tensor::{Closeness, Element, Exact, Format, Result, Shape, Tensor};

type Test = (&'static str, fn(&Gpu));

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let on_device: [Test; 6] = [
        ("the right kernel passes", the_right_kernel_passes),
        ("every fault is found", every_fault_is_found),
        ("what a device lacks is neither passed nor failed", what_a_device_lacks_is_neither_passed_nor_failed),
        ("faults with updates, scratch and weights are found", faults_with_accesses_are_found),
        ("weights are stored as asked or not at all", weights_are_stored_as_asked),
        ("an index beyond a clip picks its last frame", an_index_beyond_a_clip_picks_its_last_frame),
    ];
    for (name, test) in on_device {
        tests.add_on_gpu(name, move |device| {
            test(device);
            Ok(Shown::Passed)
        });
    }
    for fault in &FAULTS {
        tests.add_on_gpu(format!("caught: {}", fault.name), |device| fault.is_caught(device));
    }
    for (family, variant) in RIGHT {
        tests.add_on_gpu(format!("nothing is found in {}", family.name), |device| is_right(family, variant, device));
    }
    tests.add_without_device("no planted fault is left out", || {
        none_is_left_out();
        Ok(())
    });
    tests.add_without_device("elements that cannot be made fail their case", || {
        let elements = Tensor::f32([2], vec![0.0; 3]);
        assert!(elements.is_err() && cases()[0].clone().given(0, elements).tensors().is_err());
        Ok(())
    });
    tests.add_without_device("shapes and numbers of outputs are judged", || {
        shapes_and_numbers_of_outputs_are_judged();
        Ok(())
    });
    tests.run("harness")
}

/// A WGSL text that multiplies by a factor, with its own idea of what to do with element `e`.
macro_rules! scale {
    ($name:literal, $step:literal) => {
        scale!($name, $step, |call, dispatches| plan(call, dispatches, call.factor))
    };
    ($name:literal, $step:literal, $plan:expr) => {
        Planned::any(
            Shader::new(
                concat!("scale.", $name, ".wgsl"),
                concat!(
                    "
                struct Uniform { elements: u32, factor: f32, }
                @group(0) @binding(0) var<uniform> call: Uniform;
                @group(0) @binding(1) var<storage, read> input: array<f32>;
                @group(0) @binding(2) var<storage, read_write> output: array<f32>;

                fn is_nan(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u; }

                @compute @workgroup_size(16)
                fn main(@builtin(global_invocation_id) place: vec3<u32>) {
                    let e = place.x;
                    if e >= call.elements { return; }
                    let product = call.factor * input[e];
                    // Not a literal: drivers turn 0.0 * x into 0.0 whatever x is.
                    let zero = call.factor - 2.0;
                    ",
                    $step,
                    "
                }"
                ),
            ),
            Needs::invocations(16),
            $plan,
        )
    };
}

static VARIANTS: [Planned<Scale>; 11] = [
    scale!("right", "output[e] = product;"),
    scale!("one_wrong_element", "output[e] = select(product, product + 0.01, e == 17u);"),
    scale!("nan_for_a_number", "output[e] = select(product, bitcast<f32>(0x7fc00000u | e), e == 17u);"),
    scale!("number_for_a_nan", "output[e] = select(product, 0.0, is_nan(product));"),
    scale!("unwritten_element", "if e != 17u { output[e] = product; }"),
    scale!("write_behind", "output[e] = product; if e == 17u { output[call.elements] = product; }"),
    scale!("write_far_behind", "output[e] = product; if e == 17u { output[call.elements + 255u] = 0.0; }"),
    scale!("padding_read", "output[e] = product + zero * input[call.elements];"),
    scale!("stale_value", "output[e] = product + zero * output[e];"),
    scale!("wrong_uniform", "output[e] = product;", |call, dispatches| plan(call, dispatches, call.factor + 1.0)),
    scale!("invalid_wgsl", "output[e] = no_such_function(product);"),
];

fn plan(call: &Scale, dispatches: &mut Dispatches<'_>, factor: f32) -> Result<(), Unfit> {
    let uniform = Uniform { elements: word(call.elements)?, factor };
    dispatches.launch(call.elements.div_ceil(16) as u64, Literals::new(), &uniform, vec![None, None])
}

pub(crate) static SCALE: Family = Family::of::<Scale>(
    "scale",
    "out[e] = factor · in[e]",
    Uniform::FIELDS,
    &[Binding::read("input", "[E]"), Binding::write("output", "[E]")],
    cases,
);

tubelet::uniform! {
    struct Uniform {
        elements: u32,
        factor: f32,
    }
}

#[derive(Clone, Debug)]
struct Scale {
    elements: usize,
    factor: f32,
}

impl Kernel for Scale {
    const FAMILY: &'static Family = &SCALE;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = scaled;

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.elements].into()), Some([self.elements].into())]
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        self.elements as u64
    }
}

fn scaled(call: &Scale, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let scaled = input(inputs, 0)?.reals()?.iter().map(|value| f64::from(call.factor) * value).collect();
    Ok(vec![Exact::from_reals([call.elements], scaled)?])
}

/// 41 numbers with a NaN at place 5.
fn cases() -> Vec<Case> {
    let values = (0..41).map(|e| if e == 5 { f32::NAN } else { (e as f32 + 1.0).sin() }).collect();
    let values = Tensor::f32([41], values).unwrap();
    vec![Case::new("numbers and a NaN", Scale { elements: 41, factor: 2.0 }).fill(0, Fill::Given(values))]
}

fn outcome_of(device: &Gpu, variant: &str) -> Outcome {
    check(device, &cases()[0], SCALE.variant_named(variant, device.capabilities()).unwrap())
}

fn the_right_kernel_passes(device: &Gpu) {
    let outcome = outcome_of(device, "right");
    assert!(matches!(outcome, Outcome::Passed(Closeness { unequal: 0, elements: 41, .. })), "{outcome}");
}

/// Each fault is found, and the report says what it is.
fn every_fault_is_found(device: &Gpu) {
    let faults = [
        ("one_wrong_element", "1 of 41 elements unequal; first at [17]"),
        ("nan_for_a_number", "first at [17]: NaN instead of -1.5"),
        ("number_for_a_nan", "first at [5]: 0e0 instead of NaN"),
        ("unwritten_element", "left element 17 of output unwritten"),
        ("write_behind", "wrote behind output: 1 elements after its end"),
        ("write_far_behind", "wrote behind output: 256 elements after its end"),
        ("padding_read", "40 of 41 elements unequal; first at [0]: NaN instead of 1.68"),
        ("stale_value", "40 of 41 elements unequal; first at [0]: NaN instead of 1.68"),
        ("wrong_uniform", "40 of 41 elements unequal; first at [0]: 2.52"),
        ("invalid_wgsl", "no_such_function"),
    ];
    for (variant, report) in faults {
        match outcome_of(device, variant) {
            Outcome::Failed(said) => assert!(said.contains(report), "{variant}: {said:?} does not say {report:?}"),
            outcome => panic!("{variant}: {outcome}"),
        }
    }
    assert_eq!(faults.len() + 1, SCALE.variants().len(), "a fault without its report");
}

fn what_a_device_lacks_is_neither_passed_nor_failed(device: &Gpu) {
    let small = device.restricted(|capabilities| capabilities.limits.workgroup_invocations = 8);
    let outcome = check(&small, &cases()[0], SCALE.variants()[0]);
    assert!(matches!(&outcome, Outcome::Unsupported(missing) if missing.contains("16 invocations")), "{outcome}");
}

/// A WGSL text that adds a weight to a value in place, by way of memory of its own.
macro_rules! advance {
    ($name:literal, $weight:literal, $step:literal, $stored:expr) => {
        Planned::any(
            Shader::new(
                concat!("advance.", $name, ".wgsl"),
                concat!(
                    "
                struct Uniform { elements: u32, }
                @group(0) @binding(0) var<uniform> call: Uniform;
                @group(0) @binding(1) var<storage, read> weight: array<",
                    $weight,
                    ">;
                @group(0) @binding(2) var<storage, read_write> value: array<f32>;
                @group(0) @binding(3) var<storage, read_write> sums: array<f32>;

                @compute @workgroup_size(16)
                fn main(@builtin(global_invocation_id) place: vec3<u32>) {
                    let e = place.x;
                    if e >= call.elements { return; }
                    ",
                    $step,
                    "
                }"
                ),
            ),
            Needs::invocations(16),
            |call, dispatches| {
                dispatches.scratch(2, call.elements);
                dispatches.format(0, Format::rows($stored(dispatches)));
                let uniform = AdvanceUniform { elements: word(call.elements)? };
                let windows = vec![None, None, None];
                dispatches.launch(call.elements.div_ceil(16) as u64, Literals::new(), &uniform, windows)
            },
        )
    };
}

fn as_asked(dispatches: &Dispatches<'_>) -> Element {
    dispatches.weights()
}

fn as_floats(_: &Dispatches<'_>) -> Element {
    Element::F32
}

static ADVANCES: [Planned<Advance>; 6] = [
    advance!("floats", "f32", "sums[e] = value[e] + weight[e]; value[e] = sums[e];", as_floats),
    advance!("not_advanced", "f32", "sums[e] = value[e] + weight[e];", as_floats),
    advance!(
        "stale_scratch",
        "f32",
        "value[e] = value[e] + weight[e] + sums[e] * f32(call.elements - 41u);",
        as_floats
    ),
    advance!("write_behind", "f32", "value[e] += weight[e]; sums[e + 1u] = 0.0;", as_floats),
    advance!(
        "halves",
        "u32",
        "let pair = unpack2x16float(weight[e / 2u]);
         sums[e] = value[e] + select(pair.x, pair.y, e % 2u == 1u); value[e] = sums[e];",
        as_asked
    ),
    advance!(
        "wrong_halves",
        "u32",
        "let pair = unpack2x16float(weight[e / 2u]); value[e] += select(pair.x, pair.y, e % 2u == 0u);",
        as_asked
    ),
];

pub(crate) static ADVANCE: Family = Family::of::<Advance>(
    "advance",
    "value[e] ← value[e] + weight[e]",
    AdvanceUniform::FIELDS,
    &[Binding::weight("weight", "[E]"), Binding::update("value", "[E]"), Binding::scratch("sums", "[E]")],
    || vec![Case::new("41 numbers", Advance { elements: 41 })],
);

tubelet::uniform! {
    struct AdvanceUniform {
        elements: u32,
    }
}

#[derive(Clone, Debug)]
struct Advance {
    elements: usize,
}

impl Kernel for Advance {
    const FAMILY: &'static Family = &ADVANCE;
    const VARIANTS: &'static [Planned<Self>] = &ADVANCES;
    const REFERENCE: Reference<Self> = advanced;

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Some(Shape::from([self.elements]));
        vec![shape.clone(), shape, None]
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        self.elements as u64
    }
}

fn advanced(call: &Advance, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (weight, value) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let sums = value.iter().zip(weight).map(|(value, weight)| value + weight).collect();
    Ok(vec![Exact::from_reals([call.elements], sums)?])
}

fn faults_with_accesses_are_found(device: &Gpu) {
    for (variant, precision, report) in [
        ("floats", Precision::F32, None),
        ("not_advanced", Precision::F32, Some("41 of 41 elements unequal")),
        ("stale_scratch", Precision::F32, Some("first at [0]: NaN")),
        ("write_behind", Precision::F32, Some("wrote behind sums: 1 elements after its end")),
        ("halves", Precision::F16Weights, None),
        ("wrong_halves", Precision::F16Weights, Some("elements unequal")),
    ] {
        let case = (ADVANCE.cases)().remove(0).precision(precision);
        let variant = ADVANCE.variant_named(variant, device.capabilities()).unwrap();
        match (check(device, &case, variant), report) {
            (Outcome::Passed(_), None) => {}
            (Outcome::Failed(said), Some(report)) => assert!(said.contains(report), "{}: {said}", variant.name),
            (outcome, _) => panic!("{}: {outcome}", variant.name),
        }
    }
}

/// A variant that reads floats is unfit where halves are asked for, and the next is taken.
fn weights_are_stored_as_asked(device: &Gpu) {
    let (call, device) = (Advance { elements: 41 }, device.capabilities());
    let chosen = |precision| Selection::automatic().plan(&call, device, precision).unwrap().variant.name;
    assert_eq!(chosen(Precision::F32), "floats");
    assert_eq!(chosen(Precision::F16Weights), "halves");
    let floats = ADVANCE.variant_named("floats", device).unwrap();
    let unfit = Operation::plan(&call, floats, device, Precision::F16Weights).unwrap_err();
    assert_eq!(unfit.to_string(), "it reads weight in f32, not in f16");
}

/// The reference and the host refuse such an index; a device cannot, and must not read what lies behind the clip.
fn an_index_beyond_a_clip_picks_its_last_frame(device: &Gpu) {
    let call = SelectFrames { clips: 2, frames: 5, picked: 4, frame: [1, 2, 3] };
    let indices = |words: [u32; 4]| Some(Tensor::u32([4], words.to_vec()).unwrap());
    let clip = Tensor::f32([2, 5, 1, 2, 3], (0..60).map(|index| index as f32).collect()).unwrap();
    for variant in SelectFrames::FAMILY.variants_for(device.capabilities()) {
        let case = Case::new("beyond", call.clone());
        let of = |words| {
            let words = indices(words);
            run(device, &case, variant, &[Some(&clip), words.as_ref()]).wait()
        };
        assert_eq!(of([4, 0, 4, 4]).unwrap(), of([5, 0, 4, u32::MAX]).unwrap(), "{}", variant.name);
    }
    let refused =
        call.reference(&[Some(&Exact::from(&clip)), indices([5, 0, 0, 0]).as_ref().map(Exact::from).as_ref()]);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage);
}

fn shapes_and_numbers_of_outputs_are_judged() {
    let case = &cases()[0];
    let of = |elements: usize| Tensor::f32([elements], vec![1.0; elements]).unwrap();
    assert!(matches!(judge(case, &[of(3)], &[of(3)]), Outcome::Passed(_)));
    assert!(matches!(judge(case, &[of(4)], &[of(3)]), Outcome::Failed(said) if said.contains("[4] instead of [3]")));
    assert!(matches!(judge(case, &[of(3)], &[of(3), of(3)]), Outcome::Failed(said) if said.contains("1 outputs")));
    assert!(matches!(judge(case, &[], &[]), Outcome::Failed(_)));
}
