//! Weights that are written from outside: every graph sees them.

use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Weights};
use tubelet::kernels::Precision;
use tubelet::kernels::weights::SgdStep;
use tubelet::tensor::{Element, ErrorKind, Result, Tensor, Tolerance};

use super::F32;
use super::common::Shown;
use super::common::small::expect_close;
use super::graphs::{HALF_APART, Start, WEIGHT, forward_graph, numbers, product, step_graph, times};

const RATE: f32 = 0.25;

/// A weight before any graph reads it, while graphs only read it, and after a step.
pub(super) fn at_any_time(device: &Device, precision: Precision) -> Result<Shown, Failed> {
    let weights = DeviceWeights::new(device, Arc::new(Start));
    let options = ExecutorOptions::default().precision(precision);
    let prepare = |graph: Graph| device.prepare(Arc::new(graph), &weights, &options).wait();
    let given: Vec<_> = [0.2, 0.5, 0.9].into_iter().map(|factor| numbers(WEIGHT, factor)).collect::<Result<_>>()?;
    let written = |weight: &Tensor| weights.write(&[("weight", weight)]).wait();
    let seen = |reader: &dyn Executor, weight: &Tensor| sees(device, precision, &weights, reader, weight);
    written(&given[0])?;
    let reader = prepare(forward_graph()?)?;
    seen(&*reader, &given[0])?;
    written(&given[1])?;
    seen(&*reader, &given[1])?;
    let stepping = prepare(step_graph()?)?;
    step(&*stepping, &numbers(WEIGHT, 0.11)?)?;
    let velocity = numbers(WEIGHT, 0.31)?;
    weights.write(&[("velocity", &velocity), ("weight", &given[2])]).wait()?;
    seen(&*reader, &given[2])?;
    seen(&*prepare(forward_graph()?)?, &given[2])?;
    assert_eq!(weights.read("velocity").wait()?, velocity);
    // The next step goes on from there.
    let gradient = numbers(WEIGHT, 0.23)?;
    step(&*stepping, &gradient)?;
    let values = given[2].as_f32()?.iter().zip(velocity.as_f32()?).zip(gradient.as_f32()?);
    let expected = values.map(|((weight, velocity), gradient)| weight - RATE * (0.9 * velocity + gradient)).collect();
    let found = weights.read("weight").wait()?;
    expect_close("the weight after a step", &found, &Tensor::f32(WEIGHT, expected)?, Tolerance::KERNEL)?;
    Ok(Shown::Passed)
}

/// Takes a step of the weight.
fn step(stepping: &dyn Executor, gradient: &Tensor) -> Result<(), Failed> {
    let (x, rate) = (numbers([5, WEIGHT[1]], 0.3)?, Tensor::f32([1], vec![RATE])?);
    let feeds = [("x", Feed::Host(&x)), ("gradient", Feed::Host(gradient)), ("rate", Feed::Host(&rate))];
    Ok(stepping.run(&feeds, &[]).wait().map(drop)?)
}

/// An error where the weight is read as another than this, or a graph computes with another.
fn sees(
    device: &Device,
    precision: Precision,
    weights: &DeviceWeights,
    reader: &dyn Executor,
    weight: &Tensor,
) -> Result<(), Failed> {
    assert_eq!(weights.read("weight").wait()?, *weight);
    let value = |name: &str| reader.graph().find(name).ok_or_else(|| format!("no value {name}"));
    let x = numbers([5, WEIGHT[1]], 0.3)?;
    let found = reader.run(&[("x", Feed::Host(&x))], &[value("product")?, value("twice")?]).wait()?;
    let stored = if device.gpu().is_some() { weight.rounded_to(precision.weights())? } else { weight.clone() };
    let tolerance = if precision == F32 { Tolerance::KERNEL } else { HALF_APART };
    expect_close("the product", &found[0], &times(&x, &stored)?, tolerance)?;
    let twice = Tensor::f32(WEIGHT, weight.as_f32()?.iter().map(|value| 2.0 * value).collect())?;
    expect_close("the weight twice", &found[1], &twice, Tolerance::KERNEL)?;
    Ok(())
}

/// One of two tensors that graphs use as one.
pub(super) fn part_of_a_stack(device: &Device) -> Result<Shown, Failed> {
    let [rows, width] = [2 * WEIGHT[0], WEIGHT[1]];
    let parts = ["weight".to_owned(), "other".to_owned()];
    let (mut reading, mut stepping) = (Graph::new(), Graph::new());
    let x = reading.input("x", [5, width], Element::F32)?;
    let stack = reading.weights(&parts, [rows, width])?;
    let found = reading.call(product(5, width, rows), &[Some(x), Some(stack), None, None], "product", [5, rows])?;
    reading.output(found)?;
    let gradient = stepping.input("gradient", [rows, width], Element::F32)?;
    let rate = stepping.input("rate", [1], Element::F32)?;
    let stack = stepping.weights(&parts, [rows, width])?;
    let call = SgdStep::new(rows, width);
    let stepped = stepping.call(call, &[Some(gradient), Some(rate), Some(stack), None], "stepped", [rows, width])?;
    stepping.output(stepped)?;
    let weights = DeviceWeights::new(device, Arc::new(Start));
    let prepare = |graph: Graph| device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait();
    let (reader, stepper) = (prepare(reading)?, prepare(stepping)?);
    let other = numbers(WEIGHT, 0.5)?;
    weights.write(&[("other", &other)]).wait()?;
    assert_eq!(weights.read("weight").wait()?, Start.tensor("weight")?);
    assert_eq!(weights.read("other").wait()?, other);
    let x = numbers([5, width], 0.3)?;
    let product = reader.run(&[("x", Feed::Host(&x))], &[found]).wait()?;
    let columns = |tensor: &Tensor, first: usize| -> Result<Tensor> {
        let rows = tensor.as_f32()?.chunks(rows).flat_map(|row| &row[first..first + WEIGHT[0]]);
        Tensor::f32([5, WEIGHT[0]], rows.copied().collect())
    };
    let (first, second) = (columns(&product[0], 0)?, columns(&product[0], WEIGHT[0])?);
    expect_close("by the weight", &first, &times(&x, &Start.tensor("weight")?)?, Tolerance::KERNEL)?;
    expect_close("by the other", &second, &times(&x, &other)?, Tolerance::KERNEL)?;
    let (slope, rate) = (Tensor::zeros([rows, width], Element::F32), Tensor::f32([1], vec![RATE])?);
    stepper.run(&[("gradient", Feed::Host(&slope)), ("rate", Feed::Host(&rate))], &[]).wait()?;
    assert_eq!(weights.read("other").wait()?, other);
    Ok(Shown::Passed)
}

/// Zeros under one name.
struct OneWeight;

impl Weights for OneWeight {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name {
            "weight" => Ok(Tensor::zeros(WEIGHT, Element::F32)),
            _ => super::graphs::NoWeights.tensor(name),
        }
    }
}

/// What is refused says why, and leaves all weights as they are.
pub(super) fn refused(device: &Device) -> Result<Shown, Failed> {
    let weights = DeviceWeights::new(device, Arc::new(OneWeight));
    let (right, wide) = (numbers(WEIGHT, 0.5)?, numbers([WEIGHT[1], WEIGHT[0]], 0.5)?);
    let words = Tensor::zeros(WEIGHT, Element::U32);
    let refused: [(&[(&str, &Tensor)], &str); 4] = [
        (&[("weight", &right), ("wait", &right)], "there is no weight wait"),
        (&[("weight", &wide)], "have shape [19, 24], but [24, 19] is given"),
        (&[("weight", &words)], "are of f32, but u32 is given"),
        (&[("weight", &right), ("weight", &right)], "given twice"),
    ];
    for (tensors, expected) in refused {
        let error = weights.write(tensors).wait().err().ok_or("what makes no sense is written")?;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(weights.read("weight").wait()?, OneWeight.tensor("weight")?);
    Ok(Shown::Passed)
}
