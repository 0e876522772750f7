//! Each kernel at the sizes of a real model.

use std::collections::HashMap;
use std::sync::Arc;

use super::Work;
use super::candidate::{Candidate, Made, Reduced, Schedule};
use super::clock::timed;
use super::problem::{Problem, bound};
use crate::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Graph, Weights};
use crate::kernels::{Access, Case, Family, Precision, Selection};
use crate::tensor::{Error, Result, Tensor};

impl Schedule {
    /// Adds every timed case of these kernels whose weights are in one of these precisions.
    #[must_use]
    pub fn kernels(mut self, families: &[&'static Family], precisions: &[Precision], selection: &Selection) -> Self {
        for family in families {
            let timed = (family.cases)().into_iter().filter(|case| case.timed && precisions.contains(&case.precision));
            for case in timed {
                let group = vec![candidate(case, selection.clone())];
                self.group(group);
            }
        }
        self
    }
}

pub(super) fn candidate(case: Case, selection: Selection) -> Candidate {
    let kernel = case.call.family().name.to_owned();
    let (precision, operations) = (case.precision, case.call.cost(case.precision).operations);
    let work = Work::Kernel { kernel: kernel.clone(), case: case.name.clone() };
    let make = move |device: &Device| {
        let reduced = reduced_case(&case, device, &selection).map(|small| {
            let key = format!("{kernel}, {}", small.name);
            Ok::<_, Error>(Reduced { problem: problem(&small)?, key })
        });
        Ok(Made { full: problem(&case)?, reduced: reduced.transpose()? })
    };
    Candidate { work, precision, operations, make: Box::new(make) }
}

/// Operations and bytes of the largest case that the references are given.
const REDUCED_WORK: u64 = 50_000_000;

/// The largest case of the same kernel that the references soon do, and that the device computes by the same variant.
fn reduced_case(case: &Case, device: &Device, selection: &Selection) -> Option<Case> {
    let variant = |case: &Case| {
        let plan = selection.plan(&*case.call, device.gpu()?.capabilities(), case.precision).ok()?;
        Some(plan.variant.name)
    };
    let work = |case: &Case| {
        let cost = case.call.cost(case.precision);
        cost.operations + cost.read + cost.written
    };
    let whole = |case: &Case| case.binding_bytes.is_none() && case.workgroups.is_none();
    let fits = |other: &Case| {
        other.checked && whole(other) && other.precision == case.precision && work(other) <= REDUCED_WORK
    };
    let wanted = variant(case);
    let cases = (case.call.family().cases)().into_iter().filter(fits);
    cases.filter(|other| variant(other) == wanted).max_by_key(work)
}

pub(super) fn problem(case: &Case) -> Result<Problem> {
    let (graph, weights) = recorded(case)?;
    Ok(Problem {
        wanted: graph.outputs().to_vec(),
        graph: Arc::new(graph),
        weights: Arc::new(weights),
        feeds: Vec::new(),
        precision: case.precision,
        bound: bound(case.precision, case.tolerance),
    })
}

/// A case bound to a device, compiled and run once.
#[derive(Debug)]
pub struct CaseRun {
    device: Device,
    executor: Box<dyn Executor>,
}

impl CaseRun {
    /// Prepares `case` on `device`, with the variant that `selection` asks for, and runs it once, which compiles.
    pub fn new(device: &Device, case: &Case, selection: &Selection) -> Result<Self> {
        let (graph, weights) = recorded(case)?;
        let weights = DeviceWeights::new(device, Arc::new(weights));
        let options = ExecutorOptions { variants: selection.clone(), precision: case.precision };
        let executor = device.prepare(Arc::new(graph), &weights, &options).wait()?;
        let run = Self { device: device.clone(), executor };
        run.seconds()?;
        Ok(run)
    }

    /// What computes it: the name of a variant, or `host`.
    pub fn implementation(&self) -> &'static str {
        self.executor.implementations().first().copied().unwrap_or_default()
    }

    /// Runs the case once. Seconds of CPU time where the processor computes, else by the device's time stamps, else by the
    /// host's clock.
    pub fn seconds(&self) -> Result<f64> {
        let (stamps, elapsed) = timed(&self.device, || self.executor.compute_timed(&[]).wait())?;
        let device = stamps.first().copied().unwrap_or(elapsed.wall);
        Ok(elapsed.cpu.unwrap_or(device).as_secs_f64())
    }
}

/// A graph of nothing but the call, with its inputs in it, and where its weights come from.
fn recorded(case: &Case) -> Result<(Graph, CaseWeights)> {
    let mut graph = Graph::new();
    let mut weights = CaseWeights::default();
    let bindings = case.call.family().bindings;
    let mut inputs = Vec::new();
    let read = bindings.iter().filter(|binding| binding.access.reads());
    for (binding, tensor) in read.zip(case.tensors()?) {
        let Some(tensor) = tensor else {
            inputs.push(None);
            continue;
        };
        // A constant is not updated.
        inputs.push(Some(if binding.weight || binding.access == Access::Update {
            let value = graph.weights(&[binding.name.to_owned()], tensor.shape().clone())?;
            weights.0.insert(binding.name, tensor);
            value
        } else {
            graph.constant(binding.name, tensor)?
        }));
    }
    let operands = bindings.iter().zip(case.call.operands());
    let outputs = operands.filter(|(binding, _)| binding.access.writes());
    let named: Vec<_> =
        outputs.filter_map(|(binding, shape)| Some((format!("{} after", binding.name), shape?))).collect();
    let outputs: Vec<_> = named.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
    for output in graph.record_call(case.call.clone(), &inputs, &outputs)? {
        graph.output(output)?;
    }
    Ok((graph, weights))
}

/// The weights of a case, by binding.
#[derive(Default)]
struct CaseWeights(HashMap<&'static str, Tensor>);

impl Weights for CaseWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.0.get(name).cloned().ok_or_else(|| Error::usage(format!("the case has no weights {name}")))
    }
}
