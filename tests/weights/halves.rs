//! Weights and arithmetic in f16.

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Graph, Origin, Weights, bisect};
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::{ClipLayout, Precision};
use tubelet::tensor::{Closeness, Element, ErrorKind, Result, Tensor, Tolerance};
use tubelet::vivit::{self, Config, Model, Request};
use tubelet::{LoadOptions, Pass, Vivit, checkpoint};

use super::F32;
use super::common::Shown;
use super::common::small::{clips, config, parameters};
use super::graphs::{numbers, product};

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
pub(super) fn f16_weights(device: &Device, model: Model, variants: &str) -> Result<Shown, Failed> {
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
pub(super) fn f16(device: &Device, model: Model, variants: &str) -> Result<Shown, Failed> {
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

pub(super) fn f16_checkpoint(device: &Device, folder: &str) -> Result<Shown, Failed> {
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
pub(super) fn handed_on_as_halves(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn without_f16(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn half_the_memory(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn only_in_wgsl() -> Result<(), Failed> {
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
