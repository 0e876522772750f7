//! How weights lie on a device must not show in what is computed, but for the rounding that was asked for.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use common::small::{clips, config, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Graph, Origin, Weights, bisect};
use tubelet::kernels::products::{Linear, OutputLayout};
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::{ClipLayout, Precision};
use tubelet::tensor::{Element, Error, ErrorKind, Result, Tensor, Tolerance};
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
    tests.add("f16 weights take half the memory", half_the_memory);
    tests.add("a computed weight is repacked", computed_weight);
    tests.add_without_device("only kernels in WGSL have f16 weights", only_in_wgsl);
    tests.run("weights")
}

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
    let options = |precision| Ok::<_, Failed>(ExecutorOptions { variants: variants.parse()?, precision });
    let halves = prepare(device, weights.clone(), &options(Precision::F16Weights)?)?;
    assert_eq!(bisect(&*halves, &*trusted, &feeds, Tolerance::MODEL).wait()?, None);
    let floats = prepare(device, weights, &options(Precision::F32)?)?;
    let found = bisect(&*floats, &*trusted, &feeds, Tolerance::MODEL).wait()?;
    assert_eq!(found.map(|divergence| divergence.kernel), Some("tubelet_embed"));
    Ok(Shown::Passed)
}

fn half_the_memory(device: &Device) -> Result<Shown, Failed> {
    let bytes = |precision| -> Result<u64, Failed> {
        let checkpoint = checkpoint::untrained(Config::named("vit-ti")?, 1)?;
        let options = LoadOptions::new().precision(precision);
        let model = Vivit::from_checkpoint(device, checkpoint, options)?;
        model.load_weights(&Pass::new())?;
        Ok(model.weights().bytes())
    };
    let (floats, halves) = (bytes(Precision::F32)?, bytes(Precision::F16Weights)?);
    // Positions, biases and scales are f32 still.
    assert!(2 * halves > floats && 20 * halves < 12 * floats, "{halves} bytes of halves, {floats} of floats");
    Ok(Shown::Passed)
}

/// A product by a weight that the graph computes, and by one that is fed.
fn product(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear { rows, inner, columns, bias: false, activation: None, residual: false, output: OutputLayout::Rows }
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
        graph.output(value);
    }
    let graph = Arc::new(graph);
    let values = |rows: usize| Tensor::f32([rows, inner], (0..rows * inner).map(|at| (at as f32).sin()).collect());
    let (x, fed) = (values(rows)?, values(columns)?);
    let feeds = [("x", Feed::Host(&x)), ("fed", Feed::Host(&fed))];
    let prepare = |device: &Device, precision| {
        let weights = DeviceWeights::new(device, Arc::new(NoWeights));
        device.prepare(graph.clone(), &weights, &ExecutorOptions { precision, ..ExecutorOptions::default() }).wait()
    };
    let trusted = prepare(&Device::references(), Precision::F32)?;
    for precision in [Precision::F32, Precision::F16Weights] {
        let executor = prepare(device, precision)?;
        assert_eq!(executor.graph().nodes().len(), executor.implementations().len());
        assert_eq!(bisect(&*executor, &*trusted, &feeds, Tolerance::MODEL).wait()?, None, "{precision:?}");
    }
    Ok(Shown::Passed)
}

fn only_in_wgsl() -> Result<(), Failed> {
    let mut devices = vec![Device::references()];
    if cfg!(feature = "cpu") {
        devices.push(Device::host(Some(1))?);
    }
    for device in devices {
        let checkpoint = checkpoint::untrained(config(Model::all()[0]), 1)?;
        let options = LoadOptions::new().precision(Precision::F16Weights);
        let error = Vivit::from_checkpoint(&device, checkpoint, options)?.load_weights(&Pass::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("weights of f16 are of the kernels in WGSL"), "{error}");
    }
    Ok(())
}
