//! How a device holds weights: in the format that is read, as parts of a stack, for itself alone.

use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Graph, Weights, bisect};
use tubelet::kernels::Precision;
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::weights::SgdStep;
use tubelet::tensor::{Element, ErrorKind, Result, Tensor, Tolerance};

use super::common::Shown;
use super::common::small::expect_close;
use super::graphs::{NoWeights, Start, WEIGHT, forward_graph, numbers, product, step_graph};

pub(super) fn computed_weight(device: &Device) -> Result<Shown, Failed> {
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

/// The second of two tensors that a graph updates as one.
pub(super) fn part_of_a_stack(device: &Device) -> Result<Shown, Failed> {
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

/// A weight that one graph updates by itself cannot be read by another as a part of a stack.
pub(super) fn stacked_alike(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn weights_elsewhere(device: &Device) -> Result<Shown, Failed> {
    let elsewhere = DeviceWeights::new(&Device::references(), Arc::new(Start));
    match device.prepare(Arc::new(forward_graph()?), &elsewhere, &ExecutorOptions::default()).wait() {
        Err(error) if error.kind() == ErrorKind::Usage && error.to_string().contains("another open device") => {
            Ok(Shown::Passed)
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("weights of another device are taken".into()),
    }
}
