//! Work that any device can do: a graph, its weights and what it is fed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::{clock_of, computes_on_cpu, has_stamps, timed};
use super::sampling::{Purpose, Sample, Timed};
use super::{Clock, RowCost, TimedCall};
use crate::graph::{Device, DeviceOptions, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Memory, Origin};
use crate::graph::{Value, Weights};
use crate::kernels::{Cost, Precision, Selection};
use crate::tensor::{Element, Error, Format, Result, Tensor, Tolerance};

/// Work that any device can do.
#[derive(Clone)]
pub(super) struct Problem {
    pub(super) graph: Arc<Graph>,
    pub(super) weights: Arc<dyn Weights>,
    /// The inputs of the graph, by name.
    pub(super) feeds: Vec<(&'static str, Tensor)>,
    /// The outputs that are compared.
    pub(super) wanted: Vec<Value>,
    pub(super) precision: Precision,
    /// The largest relative L2 of an output from what the references find.
    pub(super) bound: f64,
}

/// What rounding the factors of a product to f16 changes what is made of them by, at most: two factors, half a unit each,
/// twice.
const OF_HALVES: f64 = 4.0 / 2048.0;

/// The largest relative L2 from what the references find, of what may differ by `tolerance` in f32.
pub(super) fn bound(precision: Precision, tolerance: Tolerance) -> f64 {
    match precision {
        Precision::F16 => tolerance.relative_l2.max(OF_HALVES),
        Precision::F32 | Precision::F16Weights => tolerance.relative_l2,
    }
}

impl Problem {
    /// The same for what computes in f32 alone: with the weights as they are stored.
    pub(super) fn in_f32(&self) -> Self {
        if self.precision == Precision::F32 {
            return self.clone();
        }
        let names = stored_weights(&self.graph);
        let weights =
            Arc::new(RoundedWeights { names, element: self.precision.weights(), exact: self.weights.clone() });
        Self { weights, precision: Precision::F32, ..self.clone() }
    }

    /// The same with all its weights in host memory, so that nothing has to be made or read to load them.
    pub(super) fn held(&self) -> Result<Self> {
        let mut held = HashMap::new();
        for value in self.graph.values() {
            if let Origin::Weights(parts) = self.graph.origin(value) {
                for part in parts {
                    held.insert(part.clone(), self.weights.tensor(part)?);
                }
            }
        }
        Ok(Self { weights: Arc::new(HeldWeights(held)), ..self.clone() })
    }

    /// What each call costs.
    pub(super) fn costs(&self) -> Vec<Cost> {
        self.graph.nodes().iter().map(|node| node.call.cost(self.precision)).collect()
    }

    /// What all calls cost together.
    pub(super) fn cost(&self) -> RowCost {
        let cost = self.graph.cost(self.precision);
        RowCost {
            operations: cost.operations,
            multiply_accumulates: self.graph.multiply_accumulates(),
            paper_multiply_accumulates: None,
            read: cost.read,
            written: cost.written,
        }
    }

    /// Everything compiled, uploaded and allocated on `device`, with the variants that `selection` asks for.
    pub(super) fn prepare(&self, device: &Device, selection: &Selection) -> Result<Prepared> {
        let weights = DeviceWeights::new(device, self.weights.clone());
        let options = ExecutorOptions::new().variants(selection.clone()).precision(self.precision);
        let executor = device.prepare(self.graph.clone(), &weights, &options).wait()?;
        let fed = |(name, tensor): &(&'static str, Tensor)| {
            let memory = device.upload(name, tensor.clone(), Format::rows(tensor.element())).wait()?;
            Ok((*name, memory))
        };
        let feeds = self.feeds.iter().map(fed).collect::<Result<_>>()?;
        Ok(Prepared { device: device.clone(), weights, executor, feeds, stamps: Vec::new() })
    }

    /// What `device` computes.
    pub(super) fn outputs(&self, device: &Device, selection: &Selection) -> Result<Vec<Tensor>> {
        self.prepare(device, selection)?.outputs(&self.wanted)
    }
}

/// Work that a device is ready to do.
pub(super) struct Prepared {
    device: Device,
    weights: DeviceWeights,
    executor: Box<dyn Executor>,
    /// The inputs, in the device's memory: what is timed begins with a copy there, not with an upload.
    feeds: Vec<(&'static str, Memory)>,
    /// The times of each call in the latest pass that had them.
    stamps: Vec<Duration>,
}

impl Prepared {
    fn fed(&self) -> Vec<(&str, Feed<'_>)> {
        self.feeds.iter().map(|(name, memory)| (*name, Feed::Device(memory))).collect()
    }

    /// The `wanted` outputs of a pass.
    pub(super) fn outputs(&self, wanted: &[Value]) -> Result<Vec<Tensor>> {
        self.executor.run(&self.fed(), wanted).wait()
    }

    /// Bytes of weights on the device, and of values.
    pub(super) fn memory(&self) -> (u64, u64) {
        (self.weights.bytes(), self.executor.value_bytes())
    }

    /// A pass in which each call is timed; seconds of them all, where the device has such a clock.
    fn stamped(&mut self) -> Result<Option<f64>> {
        let stamps = self.executor.compute_timed(&self.fed()).wait()?;
        self.stamps = stamps;
        let seconds = self.stamps.iter().sum::<Duration>().as_secs_f64();
        Ok((!self.stamps.is_empty()).then_some(seconds))
    }

    /// Every call of the latest pass in which they were timed; none where there was none.
    pub(super) fn calls(&self, precision: Precision) -> Vec<TimedCall> {
        let graph = self.executor.graph();
        let nodes = graph.nodes().iter().zip(self.executor.implementations()).zip(&self.stamps);
        let call = |((node, variant), elapsed): ((&crate::graph::Node, &'static str), &Duration)| {
            let cost = node.call.cost(precision);
            TimedCall {
                value: node.outputs().next().map(|value| graph.name(value).to_owned()).unwrap_or_default(),
                kernel: node.call.family().name.to_owned(),
                variant: variant.to_owned(),
                seconds: elapsed.as_secs_f64(),
                operations: cost.operations,
                bytes: cost.read + cost.written,
            }
        };
        nodes.map(call).collect()
    }
}

impl Timed for Prepared {
    fn clock(&self) -> Clock {
        clock_of(&self.device)
    }

    /// A pass, and where the device has a clock of its own another beside it whose calls are stamped. Stamps cost a pass of
    /// commands a call, so that the passes on the host's clock go without. Where the processor computes, one pass of the
    /// warm-up says where the time goes.
    fn take(&mut self, purpose: Purpose) -> Result<Sample> {
        let begun = Instant::now();
        if purpose == Purpose::WarmUp && computes_on_cpu(&self.device) && self.stamps.is_empty() {
            let device = self.device.clone();
            let (_, elapsed) = timed(&device, || self.stamped())?;
            return Ok(Sample {
                wall: elapsed.wall.as_secs_f64(),
                device: None,
                cpu: elapsed.cpu.map(|cpu| cpu.as_secs_f64()),
                spent: begun.elapsed().as_secs_f64(),
            });
        }
        let ((), elapsed) = timed(&self.device, || self.executor.compute(&self.fed(), &[]).wait().map(drop))?;
        let device = if has_stamps(&self.device) { self.stamped()? } else { None };
        Ok(Sample {
            wall: elapsed.wall.as_secs_f64(),
            device,
            cpu: elapsed.cpu.map(|cpu| cpu.as_secs_f64()),
            spent: begun.elapsed().as_secs_f64(),
        })
    }
}

/// Work that begins anew each time: everything is compiled, uploaded and allocated, then computed once.
pub(super) struct Cold<'a> {
    pub(super) problem: &'a Problem,
    pub(super) selection: &'a Selection,
    pub(super) device: &'a Device,
    /// How the device is opened again, so that nothing is compiled yet.
    pub(super) options: &'a DeviceOptions,
}

impl Timed for Cold<'_> {
    fn clock(&self) -> Clock {
        if computes_on_cpu(self.device) { Clock::Cpu } else { Clock::Wall }
    }

    fn take(&mut self, _: Purpose) -> Result<Sample> {
        let begun = Instant::now();
        // Of a device that compiles nothing, the one that is open serves as well.
        let device = match self.device.gpu() {
            Some(_) => Device::open(self.options)?,
            None => self.device.clone(),
        };
        let pass = || {
            let prepared = self.problem.prepare(&device, self.selection)?;
            prepared.executor.compute(&prepared.fed(), &[]).wait().map(drop)
        };
        let ((), elapsed) = timed(&device, pass)?;
        Ok(Sample {
            wall: elapsed.wall.as_secs_f64(),
            device: None,
            cpu: elapsed.cpu.map(|cpu| cpu.as_secs_f64()),
            spent: begun.elapsed().as_secs_f64(),
        })
    }
}

/// The names of the weights that are stored as the precision says.
fn stored_weights(graph: &Graph) -> HashSet<String> {
    let mut names = HashSet::new();
    for node in graph.nodes() {
        for (binding, operand) in node.call.family().bindings.iter().zip(&node.operands) {
            if let (true, Some(value)) = (binding.weight, operand)
                && let Origin::Weights(parts) = graph.origin(*value)
            {
                names.extend(parts.iter().cloned());
            }
        }
    }
    names
}

/// Weights of which some are rounded to fewer bits.
struct RoundedWeights {
    names: HashSet<String>,
    element: Element,
    exact: Arc<dyn Weights>,
}

impl Weights for RoundedWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensor = self.exact.tensor(name)?;
        if self.names.contains(name) { tensor.rounded_to(self.element) } else { Ok(tensor) }
    }
}

/// Weights in host memory.
struct HeldWeights(HashMap<String, Tensor>);

impl Weights for HeldWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.0.get(name).cloned().ok_or_else(|| Error::usage(format!("there are no weights {name}")))
    }
}

/// For graphs without weights.
pub(super) struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("there are no weights {name}")))
    }
}

/// Values between −1 and 1 that differ from place to place, the same on every run.
pub(super) fn scattered(elements: usize) -> Vec<f32> {
    let value = |index: usize| {
        let scrambled = (index as u32).wrapping_mul(2_654_435_761).rotate_left(15).wrapping_mul(2_246_822_519);
        scrambled as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..elements).map(value).collect()
}
