//! Each kernel at the sizes of a real model.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::clock::timed;
use super::{Peaks, Time};
use crate::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Graph, Weights};
use crate::kernels::peaks::{PeakArithmetic, PeakCopy};
use crate::kernels::{ALL, Access, Case, Cost, Family, Kernel, Precision, Selection};
use crate::tensor::{Error, Result, Tensor};

/// One kernel at one size.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct KernelMeasurement {
    /// The kernel.
    pub kernel: &'static str,
    /// The size.
    pub case: String,
    /// What ran: the variant, or `host`.
    pub variant: &'static str,
    /// Operations and bytes.
    pub cost: Cost,
    /// The best of the repetitions.
    pub time: Time,
    /// The share of the device's roofline.
    pub roofline_share: f64,
}

/// Measures every timed case of the kernels that `wanted` accepts, `repetitions` times each after a first run that
/// compiles; `progress` hears what comes next.
pub fn measure_kernels(
    device: &Device,
    selection: &Selection,
    repetitions: usize,
    wanted: &dyn Fn(&Family) -> bool,
    progress: &mut dyn FnMut(&str),
) -> Result<(Peaks, Vec<KernelMeasurement>)> {
    let peaks = measure_peaks(device, repetitions, progress)?;
    let mut measurements = Vec::new();
    for family in ALL.iter().filter(|family| wanted(family)) {
        // Only kernels in WGSL have f16 weights.
        let runs = |case: &Case| case.timed && (device.gpu().is_some() || case.precision == Precision::F32);
        for case in (family.cases)().into_iter().filter(runs) {
            progress(&format!("{} {}", family.name, case.name));
            let (variant, time) = measure(device, &case, selection, repetitions)?;
            let cost = case.call.cost(case.precision);
            measurements.push(KernelMeasurement {
                kernel: family.name,
                case: case.name,
                variant,
                cost,
                time,
                roofline_share: peaks.share(&cost, time.comparable()),
            });
        }
    }
    Ok((peaks, measurements))
}

/// The device's peaks, in the seconds that its measurements are compared in.
pub(super) fn measure_peaks(device: &Device, repetitions: usize, progress: &mut dyn FnMut(&str)) -> Result<Peaks> {
    let mut peak = |family: &'static Family| {
        progress(family.name);
        let case = (family.cases)().into_iter().find(|case| case.timed);
        let case = case.ok_or_else(|| Error::usage(format!("kernel {} has no timed case", family.name)))?;
        let (_, time) = measure(device, &case, &Selection::automatic(), repetitions.max(3))?;
        Ok::<_, Error>((case.call.cost(case.precision), time.comparable()))
    };
    let (arithmetic, seconds) = peak(PeakArithmetic::FAMILY)?;
    let operations_per_second = arithmetic.operations as f64 / seconds;
    let (copy, seconds) = peak(PeakCopy::FAMILY)?;
    Ok(Peaks { operations_per_second, bytes_per_second: (copy.read + copy.written) as f64 / seconds })
}

/// What ran, and the best of its times.
fn measure(device: &Device, case: &Case, selection: &Selection, repetitions: usize) -> Result<(&'static str, Time)> {
    let run = CaseRun::new(device, case, selection)?;
    let mut best = run.time()?;
    for _ in 1..repetitions {
        let time = run.time()?;
        if time.comparable() < best.comparable() {
            best = time;
        }
    }
    Ok((run.implementation(), best))
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
        run.time()?;
        Ok(run)
    }

    /// What computes it: the name of a variant, or `host`.
    pub fn implementation(&self) -> &'static str {
        self.executor.implementations().first().copied().unwrap_or_default()
    }

    /// Runs the case once, and says how long it took.
    pub fn time(&self) -> Result<Time> {
        let (stamps, elapsed) = timed(&self.device, || self.executor.compute_timed(&[]).wait())?;
        Ok(Time::new(stamps.first().copied().unwrap_or(elapsed.wall), elapsed.cpu))
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
