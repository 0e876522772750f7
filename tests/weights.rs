//! How weights lie on a device must not show in what is computed, but for the rounding that was asked for.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use common::small::{clips, config, expect_close, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Graph, Origin, Weights, bisect};
use tubelet::kernels::products::Linear;
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::weights::SgdStep;
use tubelet::kernels::{ClipLayout, Precision, rounded_reference};
use tubelet::tensor::{Closeness, Element, Error, ErrorKind, Format, Result, Tensor, Tolerance};
use tubelet::vivit::{self, Config, Model, Request};
use tubelet::{LoadOptions, Pass, Vivit, checkpoint};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (title, model) in models() {
        for variants in ["", "plain", "workgroup"] {
            tests.add(format!("f16 weights: {title}: {variants}"), move |device| f16_weights(device, model, variants));
        }
    }
    for (title, model) in models() {
        for variants in ["", "plain", "workgroup"] {
            tests.add(format!("f16: {title}: {variants}"), move |device| f16(device, model, variants));
        }
    }
    for folder in ["hf-tiny", "scenic-model1", "scenic-model2", "scenic-model3", "scenic-model4"] {
        tests.add(format!("f16: {folder}"), move |device| f16_checkpoint(device, folder));
    }
    tests.add("what kernels of f16 hand on to one another lies as f16", handed_on_as_halves);
    tests.add("a device without f16 says so", without_f16);
    tests.add("f16 weights take half the memory", half_the_memory);
    tests.add("a computed weight is repacked", computed_weight);
    tests.add_without_device("only kernels in WGSL have f16", only_in_wgsl);
    for first in [Prepared::Reader, Prepared::Trainer] {
        for precision in [Precision::F32, Precision::F16Weights] {
            let title = format!("a step is seen by every graph: {first:?} first: {precision:?}");
            tests.add(title, move |device| steps(device, precision, first));
        }
        tests.add_without_device(format!("a step is seen by every graph: {first:?} first: references"), move || {
            steps(&Device::references(), F32, first).map(drop)
        });
        #[cfg(feature = "cpu")]
        tests.add_without_device(format!("a step is seen by every graph: {first:?} first: host"), move || {
            steps(&Device::host(Some(2))?, F32, first).map(drop)
        });
    }
    tests.add_everywhere("a weight is read between two steps", between_two_steps);
    tests.add_everywhere("steps that are taken at the same time are all taken", simultaneous_steps);
    tests.add_everywhere("a pass sees whole steps", whole_steps);
    tests.add_without_device("a pass sees whole steps: references", || whole_steps(&Device::references()).map(drop));
    tests.add_everywhere("a part of a stack is read", part_of_a_stack);
    tests.add_everywhere("weights of another device are refused", weights_elsewhere);
    tests.add_everywhere("what is fed is updated in memory of its own", fed_values);
    tests.add_everywhere("weights are stacked alike where they are updated", stacked_alike);
    tests.run("weights")
}

const F32: Precision = Precision::F32;

/// Weights of which those with these names are rounded to f16.
struct Rounded {
    weights: Arc<dyn Weights>,
    names: BTreeSet<String>,
}

impl Weights for Rounded {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensor = self.weights.tensor(name)?;
        if self.names.contains(name) { tensor.rounded_to(Element::F16) } else { Ok(tensor) }
    }
}

/// No weights at all.
struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("there is no weight {name}")))
    }
}

/// The names of the weights of products.
fn names_of_weights(graph: &Graph) -> BTreeSet<String> {
    let operands = graph.nodes().iter().flat_map(|node| node.call.family().bindings.iter().zip(&node.operands));
    let weights = operands.filter(|(binding, _)| binding.weight).filter_map(|(_, value)| *value);
    let parts = weights.flat_map(|value| match graph.origin(value) {
        Origin::Weights(parts) => parts.clone(),
        _ => Vec::new(),
    });
    parts.collect()
}

/// Every value of a model whose weights are f16 is that of the rounded weights by the references, and so is nothing of one
/// whose weights are not.
fn f16_weights(device: &Device, model: Model, variants: &str) -> Result<Shown, Failed> {
    let config = config(model);
    let graph = Arc::new(vivit::record(&config, &Request::new(2, ClipLayout::Btchw))?.graph);
    let clips = clips(&config, 2, ClipLayout::Btchw)?;
    let feeds = [("clip", Feed::Host(&clips))];
    let weights: Arc<dyn Weights> = parameters(&config)?;
    let rounded = Arc::new(Rounded { weights: weights.clone(), names: names_of_weights(&graph) });
    let prepare = |device: &Device, weights: Arc<dyn Weights>, options: &ExecutorOptions| {
        device.prepare(graph.clone(), &DeviceWeights::new(device, weights), options).wait()
    };
    let trusted = prepare(&Device::references(), rounded, &ExecutorOptions::default())?;
    let options = |precision| Ok::<_, Failed>(ExecutorOptions::new().variants(variants.parse()?).precision(precision));
    let halves = prepare(device, weights.clone(), &options(Precision::F16Weights)?)?;
    assert_eq!(bisect(&*halves, &*trusted, &feeds, Tolerance::MODEL).wait()?, None);
    let floats = prepare(device, weights, &options(Precision::F32)?)?;
    let found = bisect(&*floats, &*trusted, &feeds, Tolerance::MODEL).wait()?;
    assert_eq!(found.map(|divergence| divergence.kernel), Some("tubelet_embed"));
    Ok(Shown::Passed)
}

/// What rounding to f16 changes a number by, at most, as a share of it.
const UNIT: f64 = 1.0 / 2048.0;

/// How far the output of a model of so few layers may be from that in f32. A block rounds nine operands one after another,
/// its embedding and its head two each: 22 in a model of two blocks. Each is off by 0.4 units in the mean of squares, and
/// independent ones add up to √22 · 0.4 units, or 1.9; as much again for what a later layer enlarges.
const OF_A_MODEL: f64 = 4.0 * UNIT;

/// Every value of a model in f16 is near that of the references, whether it lies as f16 or as f32, but not equal to it.
fn f16(device: &Device, model: Model, variants: &str) -> Result<Shown, Failed> {
    let config = config(model);
    let graph = Arc::new(vivit::record(&config, &Request::new(2, ClipLayout::Btchw))?.graph);
    let clips = clips(&config, 2, ClipLayout::Btchw)?;
    let feeds = [("clip", Feed::Host(&clips))];
    let weights: Arc<dyn Weights> = parameters(&config)?;
    let prepare = |device: &Device, options: &ExecutorOptions| {
        device.prepare(graph.clone(), &DeviceWeights::new(device, weights.clone()), options).wait()
    };
    let trusted = prepare(&Device::references(), &ExecutorOptions::default())?;
    let options = ExecutorOptions::new().variants(variants.parse()?).precision(Precision::F16);
    let halves = match prepare(device, &options) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(Shown::Unsupported),
        halves => halves?,
    };
    let near = Tolerance { relative_l2: OF_A_MODEL, share_of_peak: 4.0 * OF_A_MODEL };
    assert_eq!(bisect(&*halves, &*trusted, &feeds, near).wait()?, None);
    let found = bisect(&*halves, &*trusted, &feeds, Tolerance::MODEL).wait()?;
    assert_eq!(found.map(|divergence| divergence.kernel), Some("tubelet_embed"));
    // In the device's memory they are floats, too.
    let values: Vec<_> = graph.computed().collect();
    let (kept, read) = (halves.compute(&feeds, &values).wait()?, halves.run(&feeds, &values).wait()?);
    for (kept, read) in kept.iter().zip(&read) {
        assert_eq!((device.read(kept).wait()?, Element::F32), (read.clone(), kept.element()));
    }
    Ok(Shown::Passed)
}

fn f16_checkpoint(device: &Device, folder: &str) -> Result<Shown, Failed> {
    let path = format!("{}/tests/data/{folder}", env!("CARGO_MANIFEST_DIR"));
    let logits = |precision| -> Result<Tensor, Failed> {
        let options = LoadOptions::new().precision(precision);
        let model = Vivit::from_checkpoint(device, checkpoint::load(&path)?, options)?;
        let clip = clips(model.config(), 1, ClipLayout::Btchw)?;
        let mut found = model.forward(Pass::new().layout(ClipLayout::Btchw).over(&clip))?;
        Ok(found.remove("logits").ok_or("no logits")?)
    };
    let halves = match logits(Precision::F16) {
        Err(_) if !device.gpu().is_some_and(|gpu| gpu.capabilities().f16) => return Ok(Shown::Unsupported),
        halves => halves?,
    };
    let floats = logits(F32)?;
    let distance = Closeness::between(&halves, &floats).ok_or("other shapes")?.relative_l2;
    assert!((Tolerance::MODEL.relative_l2..OF_A_MODEL).contains(&distance), "{distance:e}");
    Ok(Shown::Passed)
}

/// Values that only kernels of f16 read take half the memory.
fn handed_on_as_halves(device: &Device) -> Result<Shown, Failed> {
    if !device.gpu().is_some_and(|gpu| gpu.capabilities().f16) {
        return Ok(Shown::Unsupported);
    }
    let (rows, width, hidden) = (64, 32, 128);
    let bytes = |read_by_others: bool, precision| -> Result<u64, Failed> {
        let mut graph = Graph::new();
        let x = graph.input("x", [rows, width], Element::F32)?;
        let [inwards, outwards] = ["in", "out"].map(str::to_owned);
        let [inwards, outwards] =
            [graph.weights(&[inwards], [hidden, width])?, graph.weights(&[outwards], [width, hidden])?];
        let inputs = [Some(x), Some(inwards), None, None];
        let middle = graph.call(product(rows, width, hidden), &inputs, "middle", [rows, hidden])?;
        let inputs = [Some(middle), Some(outwards), None, None];
        let output = graph.call(product(rows, hidden, width), &inputs, "output", [rows, width])?;
        graph.output(output)?;
        if read_by_others {
            let sum = Pointwise { rows, width: hidden, step: Step::Sum };
            let twice = graph.call(sum, &[Some(middle), Some(middle)], "twice", [rows, hidden])?;
            graph.output(twice)?;
        }
        let weights = DeviceWeights::new(device, Arc::new(Waves));
        let options = ExecutorOptions::new().precision(precision);
        Ok(device.prepare(Arc::new(graph), &weights, &options).wait()?.value_bytes())
    };
    let [floats, halves] = [F32, Precision::F16].map(|precision| bytes(false, precision));
    let (floats, halves) = (floats?, halves?);
    assert!(10 * halves < 7 * floats, "{halves} bytes of halves, {floats} of floats");
    // What others read as f32 lies as f32, with a copy for the product.
    let [floats, halves] = [F32, Precision::F16].map(|precision| bytes(true, precision));
    assert!(halves? >= floats?);
    Ok(Shown::Passed)
}

/// Any weights.
struct Waves;

impl Weights for Waves {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name {
            "in" => numbers([128, 32], 0.3),
            _ => numbers([32, 128], 0.7),
        }
    }
}

fn without_f16(device: &Device) -> Result<Shown, Failed> {
    let gpu = device.gpu().ok_or("the device runs no WGSL")?;
    let without: Device = gpu.restricted(|capabilities| capabilities.f16 = false).into();
    let load = |precision| {
        let checkpoint = checkpoint::untrained(config(Model::all()[0]), 1)?;
        Vivit::from_checkpoint(&without, checkpoint, LoadOptions::new().precision(precision))
    };
    let error = load(Precision::F16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("no 16-bit floats in shaders"), "{error}");
    load(Precision::F16Weights)?.warm_up(&Pass::new(), 1)?;
    Ok(Shown::Passed)
}

fn half_the_memory(device: &Device) -> Result<Shown, Failed> {
    let bytes = |precision| -> Result<u64, Failed> {
        let checkpoint = checkpoint::untrained(Config::named("vit-ti")?, 1)?;
        let options = LoadOptions::new().precision(precision);
        let model = Vivit::from_checkpoint(device, checkpoint, options)?;
        model.warm_up(&Pass::new(), 1)?;
        Ok(model.weights().bytes())
    };
    let (floats, halves) = (bytes(Precision::F32)?, bytes(Precision::F16Weights)?);
    // Positions, biases and scales are f32 still.
    assert!(2 * halves > floats && 20 * halves < 12 * floats, "{halves} bytes of halves, {floats} of floats");
    Ok(Shown::Passed)
}

/// A product by a weight that the graph computes, and by one that is fed.
fn product(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear::new(rows, inner, columns)
}

fn computed_weight(device: &Device) -> Result<Shown, Failed> {
    let (rows, inner, columns) = (5, 24, 19);
    let mut graph = Graph::new();
    let x = graph.input("x", [rows, inner], Element::F32)?;
    let fed = graph.input("fed", [columns, inner], Element::F32)?;
    let sum = Pointwise { rows: columns, width: inner, step: Step::Sum };
    let computed = graph.call(sum, &[Some(fed), Some(fed)], "computed", [columns, inner])?;
    for (name, weight) in [("by computed", computed), ("by fed", fed), ("by computed again", computed)] {
        let call = product(rows, inner, columns);
        let value = graph.call(call, &[Some(x), Some(weight), None, None], name, [rows, columns])?;
        graph.output(value)?;
    }
    let graph = Arc::new(graph);
    let values = |rows: usize| Tensor::f32([rows, inner], (0..rows * inner).map(|at| (at as f32).sin()).collect());
    let (x, fed) = (values(rows)?, values(columns)?);
    let feeds = [("x", Feed::Host(&x)), ("fed", Feed::Host(&fed))];
    let prepare = |device: &Device, precision| {
        let weights = DeviceWeights::new(device, Arc::new(NoWeights));
        device.prepare(graph.clone(), &weights, &ExecutorOptions::default().precision(precision)).wait()
    };
    let trusted = prepare(&Device::references(), Precision::F32)?;
    for precision in [Precision::F32, Precision::F16Weights] {
        let executor = prepare(device, precision)?;
        assert_eq!(executor.graph().nodes().len(), executor.implementations().len());
        assert_eq!(bisect(&*executor, &*trusted, &feeds, Tolerance::MODEL).wait()?, None, "{precision:?}");
    }
    Ok(Shown::Passed)
}

/// A weight, and a velocity of zeros, from the start.
struct Start;

const WEIGHT: [usize; 2] = [19, 24];

impl Weights for Start {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name {
            "velocity" => Ok(Tensor::zeros(WEIGHT, Element::F32)),
            _ => numbers(WEIGHT, 0.7),
        }
    }
}

fn numbers(shape: [usize; 2], factor: f32) -> Result<Tensor> {
    Tensor::f32(shape, (0..shape[0] * shape[1]).map(|place| (place as f32 * factor).sin()).collect())
}

/// x times the weight, and the weight itself as a layer of sums reads it: in rows.
fn forward_graph() -> Result<Graph> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let weight = graph.weights(&["weight".to_owned()], WEIGHT)?;
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    let product = graph.call(call, &[Some(x), Some(weight), None, None], "product", [5, WEIGHT[0]])?;
    let call = Pointwise { rows: WEIGHT[0], width: WEIGHT[1], step: Step::Sum };
    let twice = graph.call(call, &[Some(weight), Some(weight)], "twice", WEIGHT)?;
    graph.output(product)?;
    graph.output(twice)?;
    Ok(graph)
}

/// A step of gradient descent on the weight, and the product by what it has become.
fn step_graph() -> Result<Graph> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let gradient = graph.input("gradient", WEIGHT, Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let [weight, velocity] = ["weight", "velocity"].map(|name| graph.weights(&[name.to_owned()], WEIGHT));
    let step = SgdStep::new(WEIGHT[0], WEIGHT[1]).momentum(0.9);
    let inputs = [Some(gradient), Some(rate), Some(weight?), Some(velocity?)];
    let outputs = [("stepped weight", WEIGHT.into()), ("stepped velocity", WEIGHT.into())];
    let stepped = graph.call_many(step, &inputs, &outputs)?;
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    let product = graph.call(call, &[Some(x), Some(stepped[0]), None, None], "product after", [5, WEIGHT[0]])?;
    graph.output(stepped[0])?;
    graph.output(product)?;
    Ok(graph)
}

/// The weight after some steps, in plain numbers.
fn after_steps(gradients: &[Tensor], rate: f64) -> Result<Tensor> {
    let weight = Start.tensor("weight")?;
    let mut values: Vec<f64> = weight.as_f32()?.iter().map(|value| f64::from(*value)).collect();
    let mut velocity = vec![0.0; values.len()];
    for gradient in gradients {
        for ((value, velocity), gradient) in values.iter_mut().zip(&mut velocity).zip(gradient.as_f32()?) {
            *velocity = 0.9f32 as f64 * *velocity + f64::from(*gradient);
            *value -= rate * *velocity;
        }
    }
    Tensor::f32(WEIGHT, values.into_iter().map(|value| value as f32).collect())
}

/// A graph that reads a weight in other formats sees it as another graph has left it, step by step; so does one that is
/// prepared after steps have been taken.
fn steps(device: &Device, precision: Precision, first: Prepared) -> Result<Shown, Failed> {
    let weights = DeviceWeights::new(device, Arc::new(Start));
    let options = ExecutorOptions::default().precision(precision);
    let (forward, step) = (Arc::new(forward_graph()?), Arc::new(step_graph()?));
    let prepare = |graph: &Arc<Graph>| device.prepare(graph.clone(), &weights, &options).wait();
    let (before, stepping) = match first {
        Prepared::Reader => (prepare(&forward)?, prepare(&step)?),
        Prepared::Trainer => {
            let stepping = prepare(&step)?;
            (prepare(&forward)?, stepping)
        }
    };
    let (x, rate) = (numbers([5, WEIGHT[1]], 0.3)?, Tensor::f32([1], vec![0.25])?);
    let feeds = [("x", Feed::Host(&x))];
    let value = |graph: &Graph, name: &str| graph.find(name).ok_or_else(|| format!("no value {name}"));
    let wanted = [value(&forward, "product")?, value(&forward, "twice")?];
    let gradients: Vec<_> =
        [0.11, 0.23, 0.37].into_iter().map(|factor| numbers(WEIGHT, factor)).collect::<Result<_>>()?;
    for taken in 0..=gradients.len() {
        if let Some(gradient) = taken.checked_sub(1).map(|last| &gradients[last]) {
            let feeds = [feeds[0], ("gradient", Feed::Host(gradient)), ("rate", Feed::Host(&rate))];
            let stepped = [value(&step, "stepped weight")?, value(&step, "product after")?];
            let found = stepping.run(&feeds, &stepped).wait()?;
            let weight = after_steps(&gradients[..taken], 0.25)?;
            expect_close("the stepped weight", &found[0], &weight, Tolerance::KERNEL)?;
            expect_close("the product after", &found[1], &times(&x, &weight)?, Tolerance::KERNEL)?;
        }
        let weight = after_steps(&gradients[..taken], 0.25)?;
        expect_close("the weight read", &weights.read("weight").wait()?, &weight, Tolerance::KERNEL)?;
        let stored = if device.gpu().is_some() { weight.rounded_to(precision.weights())? } else { weight.clone() };
        let later = device.prepare(forward.clone(), &weights, &options).wait()?;
        for executor in [&before, &later] {
            let found = executor.run(&feeds, &wanted).wait()?;
            // A float that is off by a unit of its last place may be rounded to the next half.
            let tolerance = if precision == F32 { Tolerance::KERNEL } else { HALF_APART };
            expect_close(&format!("the product, {taken} steps"), &found[0], &times(&x, &stored)?, tolerance)?;
            let twice = Tensor::f32(WEIGHT, weight.as_f32()?.iter().map(|value| 2.0 * value).collect())?;
            expect_close(&format!("the weight twice, {taken} steps"), &found[1], &twice, Tolerance::KERNEL)?;
        }
    }
    Ok(Shown::Passed)
}

/// Which of two graphs is prepared before the other: the one that reads a weight, or the one that steps it.
#[derive(Clone, Copy, Debug)]
enum Prepared {
    Reader,
    Trainer,
}

/// A product with what a step has made of a weight, which another step then replaces.
fn between_two_steps(device: &Device) -> Result<Shown, Failed> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let gradient = graph.input("gradient", WEIGHT, Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let step = SgdStep::new(WEIGHT[0], WEIGHT[1]);
    let weight = graph.weights(&["weight".to_owned()], WEIGHT)?;
    let once = graph.call(step.clone(), &[Some(gradient), Some(rate), Some(weight), None], "once", WEIGHT)?;
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    let product = graph.call(call, &[Some(x), Some(once), None, None], "product", [5, WEIGHT[0]])?;
    let twice = graph.call(step, &[Some(gradient), Some(rate), Some(once), None], "twice", WEIGHT)?;
    graph.output(product)?;
    graph.output(twice)?;
    let weights = DeviceWeights::new(device, Arc::new(Start));
    let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait()?;
    let (x, slope, rate) = (numbers([5, WEIGHT[1]], 0.3)?, numbers(WEIGHT, 0.11)?, Tensor::f32([1], vec![0.25])?);
    let feeds = [("x", Feed::Host(&x)), ("gradient", Feed::Host(&slope)), ("rate", Feed::Host(&rate))];
    let found = executor.run(&feeds, &[product, twice]).wait()?;
    let stepped = |steps: f32| {
        let values =
            Start.tensor("weight")?.as_f32()?.iter().zip(slope.as_f32()?).map(|(w, g)| w - steps * 0.25 * g).collect();
        Tensor::f32(WEIGHT, values)
    };
    expect_close("the product", &found[0], &times(&x, &stepped(1.0)?)?, Tolerance::KERNEL)?;
    expect_close("the weight", &found[1], &stepped(2.0)?, Tolerance::KERNEL)?;
    Ok(Shown::Passed)
}

/// Zeros, so many that a step of them takes a while.
struct Many;

const MANY: [usize; 2] = [256, 512];

impl Weights for Many {
    fn tensor(&self, _: &str) -> Result<Tensor> {
        Ok(Tensor::zeros(MANY, Element::F32))
    }
}

/// Two executors, each in a thread of its own, step one weight.
fn simultaneous_steps(device: &Device) -> Result<Shown, Failed> {
    const STEPS: usize = 60;
    let mut graph = Graph::new();
    let half = graph.input("half of the gradient", MANY, Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let weight = graph.weights(&["weight".to_owned()], MANY)?;
    // Something to compute before the step, while the other executor takes its own.
    let sum = Pointwise { rows: MANY[0], width: MANY[1], step: Step::Sum };
    let gradient = graph.call(sum, &[Some(half), Some(half)], "gradient", MANY)?;
    let step = SgdStep::new(MANY[0], MANY[1]);
    let stepped = graph.call(step, &[Some(gradient), Some(rate), Some(weight), None], "stepped", MANY)?;
    graph.output(stepped)?;
    let graph = Arc::new(graph);
    let weights = DeviceWeights::new(device, Arc::new(Many));
    // Every sum of these is exact.
    let (half, rate) = (Tensor::f32(MANY, vec![0.5; MANY[0] * MANY[1]])?, Tensor::f32([1], vec![0.0625])?);
    let begin = Barrier::new(2);
    let run = || -> Result<()> {
        let executor = device.prepare(graph.clone(), &weights, &ExecutorOptions::default()).wait()?;
        let feeds = [("half of the gradient", Feed::Host(&half)), ("rate", Feed::Host(&rate))];
        begin.wait();
        (0..STEPS).try_for_each(|_| executor.run(&feeds, &[]).wait().map(drop))
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(run), scope.spawn(run)];
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread panicked"))
    })?;
    let stepped = weights.read("weight").wait()?;
    let expected = -0.0625 * 2.0 * STEPS as f32;
    let found = stepped.as_f32()?[0];
    assert!(stepped.as_f32()?.iter().all(|value| *value == expected), "{found} instead of {expected}");
    Ok(Shown::Passed)
}

/// A graph that steps two weights in the same way, beside one that reads both.
fn whole_steps(device: &Device) -> Result<Shown, Failed> {
    const STEPS: usize = 20;
    let [mut stepping, mut reading] = [(); 2].map(|()| Graph::new());
    let gradient = stepping.input("gradient", MANY, Element::F32)?;
    let rate = stepping.input("rate", [1], Element::F32)?;
    let mut read = Vec::new();
    for name in ["first", "second"] {
        let step = SgdStep::new(MANY[0], MANY[1]);
        let weight = stepping.weights(&[name.to_owned()], MANY)?;
        let operands = [Some(gradient), Some(rate), Some(weight), None];
        let stepped = stepping.call(step, &operands, &format!("{name} stepped"), MANY)?;
        stepping.output(stepped)?;
        let weight = reading.weights(&[name.to_owned()], MANY)?;
        let sum = Pointwise { rows: MANY[0], width: MANY[1], step: Step::Sum };
        let twice = reading.call(sum, &[Some(weight), Some(weight)], &format!("{name} twice"), MANY)?;
        reading.output(twice)?;
        read.push(twice);
    }
    let weights = DeviceWeights::new(device, Arc::new(Many));
    let prepare = |graph: Graph| device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait();
    let (stepping, reading) = (prepare(stepping)?, prepare(reading)?);
    let (gradient, rate) = (Tensor::f32(MANY, vec![1.0; MANY[0] * MANY[1]])?, Tensor::f32([1], vec![0.0625])?);
    let feeds = [("gradient", Feed::Host(&gradient)), ("rate", Feed::Host(&rate))];
    let taken = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let steps = scope.spawn(|| {
            let outcome = (0..STEPS).try_for_each(|_| stepping.run(&feeds, &[]).wait().map(drop));
            taken.store(true, Ordering::Release);
            outcome
        });
        while !taken.load(Ordering::Acquire) {
            let found = reading.run(&[], &read).wait()?;
            assert!(found[0] == found[1], "{} and {}", found[0].as_f32()?[0], found[1].as_f32()?[0]);
        }
        steps.join().expect("a thread panicked")
    })?;
    Ok(Shown::Passed)
}

/// The second of two tensors that a graph updates as one.
fn part_of_a_stack(device: &Device) -> Result<Shown, Failed> {
    let [rows, width] = [2 * WEIGHT[0], WEIGHT[1]];
    let mut graph = Graph::new();
    let gradient = graph.input("gradient", [rows, width], Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let stack = graph.weights(&["weight".to_owned(), "other".to_owned()], [rows, width])?;
    let step = SgdStep::new(rows, width);
    let stepped = graph.call(step, &[Some(gradient), Some(rate), Some(stack), None], "stepped", [rows, width])?;
    graph.output(stepped)?;
    let weights = DeviceWeights::new(device, Arc::new(Start));
    assert_eq!(weights.read("other").wait()?, Start.tensor("other")?);
    let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait()?;
    let (slope, rate) = (numbers([rows, width], 0.11)?, Tensor::f32([1], vec![0.25])?);
    executor.run(&[("gradient", Feed::Host(&slope)), ("rate", Feed::Host(&rate))], &[]).wait()?;
    let slopes = &slope.as_f32()?[WEIGHT[0] * width..];
    let expected = Start.tensor("other")?.as_f32()?.iter().zip(slopes).map(|(w, g)| w - 0.25 * g).collect();
    expect_close("the part", &weights.read("other").wait()?, &Tensor::f32(WEIGHT, expected)?, Tolerance::KERNEL)?;
    Ok(Shown::Passed)
}

fn weights_elsewhere(device: &Device) -> Result<Shown, Failed> {
    let elsewhere = DeviceWeights::new(&Device::references(), Arc::new(Start));
    match device.prepare(Arc::new(forward_graph()?), &elsewhere, &ExecutorOptions::default()).wait() {
        Err(error) if error.kind() == ErrorKind::Usage && error.to_string().contains("another open device") => {
            Ok(Shown::Passed)
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("weights of another device are taken".into()),
    }
}

/// One weight of 24 half a unit of an f16 away.
const HALF_APART: Tolerance = Tolerance { relative_l2: 1e-4, share_of_peak: 1e-4 };

/// x · Wᵀ.
fn times(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    Ok(rounded_reference(&call, &[Some(x), Some(weight), None, None])?.remove(0))
}

/// What is fed stays as it is, run after run, and what is updated can be tapped before and after.
fn fed_values(device: &Device) -> Result<Shown, Failed> {
    let mut graph = Graph::new();
    let fed = graph.input("fed", WEIGHT, Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let sum = Pointwise { rows: WEIGHT[0], width: WEIGHT[1], step: Step::Sum };
    let sum = graph.call(sum, &[Some(fed), Some(fed)], "sum", WEIGHT)?;
    let step = SgdStep::new(WEIGHT[0], WEIGHT[1]);
    let first = graph.call(step.clone(), &[Some(sum), Some(rate), Some(fed), None], "first", WEIGHT)?;
    let second = graph.call(step, &[Some(first), Some(rate), Some(sum), None], "second", WEIGHT)?;
    graph.output(second)?;
    let graph = Arc::new(graph);
    let prepare = |device: &Device| {
        device
            .prepare(graph.clone(), &DeviceWeights::new(device, Arc::new(NoWeights)), &ExecutorOptions::default())
            .wait()
    };
    let (executor, trusted) = (prepare(device)?, prepare(&Device::references())?);
    let (fed, rate) = (numbers(WEIGHT, 0.7)?, Tensor::f32([1], vec![0.25])?);
    let expected_fed = fed.clone();
    let memory = device.upload("fed", fed.clone(), Format::rows(Element::F32)).wait()?;
    for fed in [Feed::Host(&fed), Feed::Device(&memory)] {
        for _ in 0..2 {
            let feeds = [("fed", fed), ("rate", Feed::Host(&rate))];
            let found = executor.run(&feeds, &[sum, first, second]).wait()?;
            let feeds = [("fed", Feed::Host(&expected_fed)), ("rate", Feed::Host(&rate))];
            let expected = trusted.run(&feeds, &[sum, first, second]).wait()?;
            for (found, expected) in found.iter().zip(&expected) {
                expect_close("an update", found, expected, Tolerance::KERNEL)?;
            }
        }
    }
    assert_eq!(device.read(&memory).wait()?, fed);
    Ok(Shown::Passed)
}

/// A weight that one graph updates by itself cannot be read by another as a part of a stack.
fn stacked_alike(device: &Device) -> Result<Shown, Failed> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let stack = graph.weights(&["weight".to_owned(), "other".to_owned()], [2 * WEIGHT[0], WEIGHT[1]])?;
    let call = product(5, WEIGHT[1], 2 * WEIGHT[0]);
    let value = graph.call(call, &[Some(x), Some(stack), None, None], "product", [5, 2 * WEIGHT[0]])?;
    graph.output(value)?;
    let (stacked, step) = (Arc::new(graph), Arc::new(step_graph()?));
    for graphs in [[stacked.clone(), step.clone()], [step, stacked]] {
        let weights = DeviceWeights::new(device, Arc::new(Start));
        let prepare = |graph: &Arc<Graph>| device.prepare(graph.clone(), &weights, &ExecutorOptions::default()).wait();
        let executor = prepare(&graphs[0])?;
        let error = prepare(&graphs[1]).err().ok_or("weights are read and updated in other stacks")?;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("stack them alike"), "{error}");
        drop(executor);
    }
    Ok(Shown::Passed)
}

fn only_in_wgsl() -> Result<(), Failed> {
    let mut devices = vec![Device::references()];
    if cfg!(feature = "cpu") {
        devices.push(Device::host(Some(1))?);
    }
    for device in devices {
        for (precision, asked) in [(Precision::F16Weights, "weights in f16"), (Precision::F16, "arithmetic in f16")] {
            let checkpoint = checkpoint::untrained(config(Model::all()[0]), 1)?;
            let options = LoadOptions::new().precision(precision);
            let error = Vivit::from_checkpoint(&device, checkpoint, options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(&format!("only kernels in WGSL have {asked}")), "{error}");
        }
    }
    Ok(())
}
