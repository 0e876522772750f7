//! Runs a graph on the host's own processor.

use std::collections::HashMap;
use std::sync::Arc;

use super::memory::Content;
use super::{
    Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Memory, Node, Origin, Plan, Value, feed_of,
};
use crate::gpu::DeviceId;
use crate::kernels::Access;
use crate::kernels::host::{Arguments, Operand, OperandMut, Threads, instructions};
use crate::tensor::{Data, Element, Error, Format, Result, Shape, Tensor};

/// The host's own processor as a device: every kernel in Rust, vectorised, on threads of its own. It needs no driver.
#[derive(Debug)]
pub(super) struct Host {
    id: DeviceId,
    name: String,
    threads: Arc<Threads>,
}

impl Host {
    /// With this many threads; `None` for as many as the processor runs at once.
    pub(super) fn new(threads: Option<usize>) -> Result<Self> {
        let threads = Arc::new(Threads::new(threads)?);
        Ok(Self { id: DeviceId::next(), name: name(threads.count()), threads })
    }

    fn memory(&self, tensor: Tensor) -> Memory {
        memory(self.id, tensor)
    }
}

/// `cpu (x86_64, AVX-512, 8 threads)`.
fn name(threads: usize) -> String {
    let plural = if threads == 1 { "" } else { "s" };
    format!("cpu ({}, {}, {threads} thread{plural})", std::env::consts::ARCH, instructions())
}

fn memory(device: DeviceId, tensor: Tensor) -> Memory {
    let format = Format::rows(tensor.element());
    Memory::new(device, tensor.shape().clone(), format, Content::Tensor(Arc::new(tensor)))
}

impl Backend for Host {
    fn id(&self) -> DeviceId {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn largest_value(&self) -> u64 {
        u64::MAX
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        weights: &DeviceWeights,
        options: &ExecutorOptions,
    ) -> Result<Box<dyn Executor>> {
        options.without_wgsl()?;
        if let Some(half) = graph.values().find(|value| graph.element(*value) == Element::F16) {
            return Err(Error::unsupported(format!("{} is of f16, and the host computes in f32", graph.name(half))));
        }
        let plan = Plan::new(&graph);
        weights.masters(&graph)?;
        let fixed = Fixed::new(&graph, weights)?;
        let slots = plan.slots.iter().map(|bytes| vec![0.0; *bytes as usize / Element::F32.bytes()]).collect();
        let (device, name, threads) = (self.id, self.name.clone(), self.threads.clone());
        Ok(Box::new(HostExecutor { device, name, threads, graph, plan, weights: weights.clone(), fixed, slots }))
    }

    fn upload(&self, _: &str, tensor: Tensor, _: Format) -> Result<Memory> {
        Ok(self.memory(tensor))
    }

    fn read(&self, memory: &Memory) -> Result<Tensor> {
        memory.check(self.id, &self.name)?;
        memory.tensor().map(|tensor| (**tensor).clone())
    }

    fn join(&self, parts: &[Memory], shape: &Shape) -> Result<Memory> {
        let mut values = Vec::with_capacity(shape.elements());
        for part in parts {
            part.check(self.id, &self.name)?;
            values.extend_from_slice(part.tensor()?.as_f32()?);
        }
        Tensor::f32(shape.clone(), values).map(|tensor| self.memory(tensor))
    }
}

/// Weights and constants, as they are after so many updates.
struct Fixed {
    tensors: HashMap<Value, Arc<Tensor>>,
    updates: u64,
}

impl Fixed {
    fn new(graph: &Graph, weights: &DeviceWeights) -> Result<Self> {
        let updates = weights.updates();
        let tensors = graph.values().filter_map(|value| match graph.origin(value) {
            Origin::Weights(parts) => {
                let memory = weights.memory(parts, graph.shape(value), Format::rows(graph.element(value)));
                Some(memory.and_then(|memory| memory.tensor().cloned()).map(|tensor| (value, tensor)))
            }
            Origin::Constant(tensor) => Some(Ok((value, tensor.clone()))),
            Origin::Input | Origin::Call(_) => None,
        });
        Ok(Self { tensors: tensors.collect::<Result<_>>()?, updates })
    }
}

/// A graph bound to the host: everything allocated once, then run as often as wanted.
struct HostExecutor {
    device: DeviceId,
    name: String,
    threads: Arc<Threads>,
    graph: Arc<Graph>,
    plan: Plan,
    weights: DeviceWeights,
    fixed: Fixed,
    /// Memory of values, of floats or words.
    slots: Vec<Vec<f32>>,
}

/// The tensors that are fed, by input.
type Fed<'a> = HashMap<Value, &'a Tensor>;

impl HostExecutor {
    /// Everything that is fed, checked.
    fn fed<'a>(&self, feeds: &[(&str, Feed<'a>)]) -> Result<Fed<'a>> {
        let fed = self.graph.inputs().map(|input| match feed_of(&self.graph, feeds, input)? {
            Feed::Host(tensor) => Ok((input, tensor)),
            Feed::Device(memory) => {
                memory.check(self.device, &self.name)?;
                Ok((input, &**memory.tensor()?))
            }
        });
        fed.collect()
    }

    /// Computes one call.
    fn call(&mut self, node: &Node, fed: &Fed<'_>) -> Result<()> {
        let graph = self.graph.clone();
        let name = || node.outputs().next().map(|value| graph.name(value).to_owned()).unwrap_or_default();
        // Memory is written by one call at a time, and read by none meanwhile.
        let mut written: Vec<_> = node.outputs().map(|value| (value, self.take(node, value, fed))).collect();
        let outputs = written.iter_mut().map(|(value, memory)| {
            let memory = &mut memory[..graph.shape(*value).elements()];
            match graph.element(*value) {
                Element::F32 => OperandMut::F32(memory),
                _ => OperandMut::U32(bytemuck::cast_slice_mut(memory)),
            }
        });
        let mut arguments = Arguments::new(self.inputs(node, fed)?, outputs.collect());
        let outcome = node.call.host(&mut arguments, &self.threads).map_err(|error| error.within(name()));
        for (value, memory) in written {
            self.put_back(value, memory)?;
        }
        outcome
    }

    /// The memory that `value` is to be written in, with what it replaces where it is an update.
    fn take(&mut self, node: &Node, value: Value, fed: &Fed<'_>) -> Vec<f32> {
        let weights = self.plan.weights(value).and_then(|weights| self.fixed.tensors.remove(&weights));
        let mut memory = match (weights.map(|tensor| Arc::unwrap_or_clone(tensor).into_data()), self.plan.slot(value)) {
            (Some(Data::F32(floats)), _) => floats,
            (_, Some(slot)) => std::mem::take(&mut self.slots[slot]),
            (_, None) => vec![0.0; self.graph.shape(value).elements()],
        };
        let replaced = node.updates().find(|(_, new)| *new == value);
        if let Some(Data::F32(floats)) = replaced.and_then(|(old, _)| fed.get(&old)).map(|tensor| tensor.data()) {
            memory[..floats.len()].copy_from_slice(floats);
        }
        memory
    }

    /// What [`take`](Self::take) has given, written.
    fn put_back(&mut self, value: Value, memory: Vec<f32>) -> Result<()> {
        let weights = self.plan.weights(value);
        match (weights.and_then(|weights| Some((weights, self.graph.parts(weights)?))), self.plan.slot(value)) {
            (Some((weights, parts)), _) => {
                let updated = self::memory(self.device, Tensor::f32(self.graph.shape(weights).clone(), memory)?);
                self.fixed.tensors.insert(weights, updated.tensor()?.clone());
                self.weights.replace(parts, updated);
            }
            (None, Some(slot)) => self.slots[slot] = memory,
            (None, None) => {}
        }
        Ok(())
    }

    fn inputs<'a>(&'a self, node: &Node, fed: &'a Fed<'_>) -> Result<Vec<Option<Operand<'a>>>> {
        let bindings = node.call.family().bindings.iter().zip(&node.operands);
        let read = bindings.filter(|(binding, _)| binding.access == Access::Read);
        read.map(|(_, value)| value.map(|value| self.operand(value, fed)).transpose()).collect()
    }

    fn operand<'a>(&'a self, value: Value, fed: &'a Fed<'_>) -> Result<Operand<'a>> {
        let fixed = self.fixed.tensors.get(&self.plan.weights(value).unwrap_or(value)).map(|tensor| &**tensor);
        let tensor = fixed.or_else(|| fed.get(&value).copied());
        Ok(match (tensor.map(Tensor::data), self.plan.slot(value), self.graph.element(value)) {
            (Some(Data::F32(values)), ..) => Operand::F32(values),
            (Some(Data::U32(values)), ..) => Operand::U32(values),
            (None, Some(slot), Element::F32) => Operand::F32(self.held(value, slot)),
            (None, Some(slot), Element::U32) => Operand::U32(bytemuck::cast_slice(self.held(value, slot))),
            _ => return Err(Error::usage(format!("{} has no memory of 32-bit elements", self.graph.name(value)))),
        })
    }

    /// The memory of a value.
    fn held(&self, value: Value, slot: usize) -> &[f32] {
        &self.slots[slot][..self.graph.shape(value).elements()]
    }

    /// A copy of a value that is in its slot.
    fn copied(&self, value: Value) -> Result<Tensor> {
        if let Some(updated) = self.plan.weights(value).and_then(|weights| self.fixed.tensors.get(&weights)) {
            return (**updated).clone().reshaped(self.graph.shape(value).clone());
        }
        let slot = self.plan.slot(value).ok_or_else(|| self.unknown(value))?;
        let bytes = bytemuck::cast_slice(self.held(value, slot));
        Tensor::from_bytes(self.graph.shape(value).clone(), self.graph.element(value), bytes)
    }

    fn unknown(&self, value: Value) -> Error {
        Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))
    }
}

impl Executor for HostExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        vec!["host"; self.graph.nodes().len()]
    }

    fn compute(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<()> {
        self.run(feeds, &[]).map(drop)
    }

    fn keep(&self, value: Value) -> Result<Memory> {
        match self.plan.survives(value) && matches!(self.graph.origin(value), Origin::Call(_)) {
            true => self.copied(value).map(|tensor| memory(self.device, tensor)),
            false => Err(Error::usage(format!("{} is no output of this graph", self.graph.name(value)))),
        }
    }

    fn run(&mut self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<Vec<Tensor>> {
        let fed = self.fed(feeds)?;
        if self.fixed.updates != self.weights.updates() {
            self.fixed = Fixed::new(&self.graph, &self.weights)?;
        }
        let mut found: HashMap<Value, Tensor> = HashMap::new();
        let graph = self.graph.clone();
        for node in graph.nodes() {
            self.call(node, &fed)?;
            for value in node.outputs().filter(|value| wanted.contains(value)) {
                found.insert(value, self.copied(value)?);
            }
        }
        wanted.iter().map(|value| found.get(value).cloned().ok_or_else(|| self.unknown(*value))).collect()
    }
}
