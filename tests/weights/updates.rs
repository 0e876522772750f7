//! Weights that are updated: every graph sees whole steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Graph, Weights};
use tubelet::kernels::Precision;
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::weights::SgdStep;
use tubelet::tensor::{Element, Format, Result, Tensor, Tolerance};

use super::F32;
use super::common::Shown;
use super::common::small::expect_close;
use super::graphs::{HALF_APART, NoWeights, Start, WEIGHT, forward_graph, numbers, product, step_graph, times};

/// Which of two graphs is prepared before the other: the one that reads a weight, or the one that steps it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prepared {
    Reader,
    Trainer,
}

/// A graph that reads a weight in other formats sees it as another graph has left it, step by step; so does one that is
/// prepared after steps have been taken.
pub(super) fn steps(device: &Device, precision: Precision, first: Prepared) -> Result<Shown, Failed> {
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

/// A product with what a step has made of a weight, which another step then replaces.
pub(super) fn between_two_steps(device: &Device) -> Result<Shown, Failed> {
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
pub(super) fn simultaneous_steps(device: &Device) -> Result<Shown, Failed> {
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
pub(super) fn whole_steps(device: &Device) -> Result<Shown, Failed> {
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

/// What is fed stays as it is, run after run, and what is updated can be tapped before and after.
pub(super) fn fed_values(device: &Device) -> Result<Shown, Failed> {
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
