//! Runs a graph on the host's own processor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::memory::Content;
use super::weights::Updates;
use super::{
    Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Feeds, Graph, Memory, MemoryPlan, Node, Origin, Value,
    feed_of,
};
use crate::gpu::{DeviceId, Pending};
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

    fn joined(&self, parts: &[Memory], shape: &Shape) -> Result<Memory> {
        parts.iter().try_for_each(|part| part.check(self.id, &self.name))?;
        let parts: Vec<_> = parts.iter().map(|part| part.tensor().map(|tensor| &**tensor)).collect::<Result<_>>()?;
        Tensor::joined(&parts, shape).map(|tensor| memory(self.id, tensor))
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

    fn prepare<'a>(
        &'a self,
        graph: Arc<Graph>,
        weights: &'a DeviceWeights,
        options: &'a ExecutorOptions,
    ) -> Pending<'a, Box<dyn Executor>> {
        Pending::new(async move {
            self.check_options(options)?;
            weights.check(self.id, &self.name)?;
            if let Some(half) = graph.values().find(|value| graph.element(*value) == Element::F16) {
                return Err(Error::unsupported(format!(
                    "{} is of f16, and the host computes in f32",
                    graph.name(half)
                )));
            }
            let plan = MemoryPlan::new(&graph);
            weights.masters(&graph).await?;
            let fixed = fixed_values(&graph, weights).await?;
            let slots = plan.slots.iter().map(|bytes| vec![0.0; *bytes as usize / Element::F32.bytes()]).collect();
            let (device, name, threads) = (self.id, self.name.clone(), self.threads.clone());
            let (memory, weights) = (Mutex::new(Values { slots, fixed }), weights.clone());
            let updates_weights = graph.values().any(|value| plan.master_of(value).is_some());
            let executor = HostExecutor { device, name, threads, graph, plan, updates_weights, weights, memory };
            Ok(Box::new(executor) as Box<dyn Executor>)
        })
    }

    fn upload<'a>(&'a self, _: &'a str, tensor: Tensor, _: Format) -> Pending<'a, Memory> {
        Pending::ready(Ok(memory(self.id, tensor)))
    }

    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor> {
        let tensor = memory.check(self.id, &self.name).and_then(|()| memory.tensor());
        Pending::ready(tensor.map(|tensor| (**tensor).clone()))
    }

    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory> {
        Pending::ready(self.joined(parts, shape))
    }
}

/// Weights and constants, in the shapes that the graph gives them.
async fn fixed_values(graph: &Graph, weights: &DeviceWeights) -> Result<HashMap<Value, Arc<Tensor>>> {
    let mut fixed = HashMap::new();
    for value in graph.values() {
        match graph.origin(value) {
            Origin::Weights(parts) => {
                let rows = Format::rows(graph.element(value));
                let memory = weights.memory(parts, graph.shape(value), rows).await?;
                fixed.insert(value, memory.tensor()?.clone());
            }
            Origin::Constant(tensor) => {
                fixed.insert(value, tensor.clone());
            }
            Origin::Input | Origin::Call(_) => {}
        }
    }
    Ok(fixed)
}

/// A graph bound to the host: everything allocated once, then run as often as wanted.
struct HostExecutor {
    device: DeviceId,
    name: String,
    threads: Arc<Threads>,
    graph: Arc<Graph>,
    plan: MemoryPlan,
    updates_weights: bool,
    weights: DeviceWeights,
    memory: Mutex<Values>,
}

/// Where the values of a graph are.
struct Values {
    /// Memory of floats or words.
    slots: Vec<Vec<f32>>,
    /// Constants and weights; those that updates have changed only during a pass, so that the next update need not copy
    /// them.
    fixed: HashMap<Value, Arc<Tensor>>,
}

impl Values {
    /// The memory of a slot, for so many elements: all of it, unless a call that panicked has taken it along.
    fn taken(&mut self, slot: usize, elements: usize) -> Vec<f32> {
        let mut memory = std::mem::take(&mut self.slots[slot]);
        memory.resize(memory.len().max(elements), 0.0);
        memory
    }
}

/// The tensors that are fed, by input.
type Fed<'a> = HashMap<Value, &'a Tensor>;

impl HostExecutor {
    /// Everything that is fed, checked.
    fn fed<'a>(&self, feeds: &Feeds<'a>) -> Result<Fed<'a>> {
        let fed = self.graph.inputs().map(|input| match feed_of(&self.graph, feeds, input)? {
            Feed::Host(tensor) => Ok((input, tensor)),
            Feed::Device(memory) => {
                memory.check(self.device, &self.name)?;
                Ok((input, &**memory.tensor()?))
            }
        });
        fed.collect()
    }

    /// Computes everything, and copies each of the `wanted` values before its slot is used again.
    fn pass(&self, feeds: &Feeds<'_>, wanted: &[Value]) -> Result<Vec<Tensor>> {
        let mut found: HashMap<Value, Tensor> = HashMap::new();
        self.each_call(feeds, |node, compute, values| {
            compute(values)?;
            for value in node.outputs().filter(|value| wanted.contains(value)) {
                found.insert(value, self.copied(value, values)?);
            }
            Ok(())
        })?;
        wanted.iter().map(|value| found.get(value).cloned().ok_or_else(|| self.unknown(*value))).collect()
    }

    /// Computes everything, and says how long each call took.
    fn timed(&self, feeds: &Feeds<'_>) -> Result<Vec<Duration>> {
        let mut taken = Vec::with_capacity(self.graph.nodes().len());
        self.each_call(feeds, |_, compute, values| {
            let start = Instant::now();
            compute(values)?;
            taken.push(start.elapsed());
            Ok(())
        })?;
        Ok(taken)
    }

    /// A pass: each call in turn is computed by what `visit` is given.
    fn each_call(
        &self,
        feeds: &Feeds<'_>,
        mut visit: impl FnMut(&Node, &dyn Fn(&mut Values) -> Result<()>, &mut Values) -> Result<()>,
    ) -> Result<()> {
        let fed = self.fed(feeds)?;
        let mut values = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // A pass sees whole steps: one that only reads lets the next step begin once it has the weights.
        let stepping = self.weights.stepping();
        let updated = self.see_updates(&mut values)?;
        let _stepping = self.updates_weights.then_some(stepping);
        let outcome = self.graph.nodes().iter().try_for_each(|node| {
            let compute = |values: &mut Values| self.call(node, &fed, values);
            visit(node, &compute, &mut values)
        });
        updated.iter().for_each(|value| drop(values.fixed.remove(value)));
        outcome
    }

    /// Takes weights as updates have left them, and returns which they are.
    fn see_updates(&self, values: &mut Values) -> Result<Vec<Value>> {
        let mut updated = Vec::new();
        let updates = self.weights.updates();
        for value in self.graph.values().filter(|_| !updates.is_empty()) {
            if let Some(rows) = self.graph.parts(value).and_then(|parts| updates.rows(parts)) {
                values.fixed.insert(value, rows.tensor()?.clone());
                updated.push(value);
            }
        }
        Ok(updated)
    }

    /// Computes one call.
    fn call(&self, node: &Node, fed: &Fed<'_>, values: &mut Values) -> Result<()> {
        let name = || node.outputs().next().map(|value| self.graph.name(value).to_owned()).unwrap_or_default();
        // Memory is written by one call at a time, and read by none meanwhile.
        let steps = node.outputs().any(|value| self.plan.master_of(value).is_some());
        let mut updates = steps.then(|| self.weights.updates());
        let taken = node.outputs().map(|value| (value, self.take(node, value, fed, values, updates.as_deref_mut())));
        let mut written: Vec<_> = taken.collect();
        let outputs = written.iter_mut().map(|(value, memory)| {
            let memory = &mut memory[..self.graph.shape(*value).elements()];
            match self.graph.element(*value) {
                Element::F32 => OperandMut::F32(memory),
                _ => OperandMut::U32(bytemuck::cast_slice_mut(memory)),
            }
        });
        let outcome = self.inputs(node, fed, values).and_then(|inputs| {
            let mut arguments = Arguments::new(inputs, outputs.collect());
            node.call.host(&mut arguments, &self.threads).map_err(|error| error.within(name()))
        });
        for (value, memory) in written {
            self.put_back(value, memory, values, updates.as_deref_mut())?;
        }
        outcome
    }

    /// The memory that `value` is to be written in, with what it replaces where it is an update.
    fn take(
        &self,
        node: &Node,
        value: Value,
        fed: &Fed<'_>,
        values: &mut Values,
        updates: Option<&mut Updates>,
    ) -> Vec<f32> {
        let weights = self.plan.master_of(value).and_then(|weights| {
            let held = values.fixed.remove(&weights);
            // The other owner of what is to be overwritten.
            if let Some((parts, updates)) = self.graph.parts(weights).zip(updates) {
                updates.take(parts);
            }
            held.map(|tensor| Arc::unwrap_or_clone(tensor).into_data())
        });
        let mut memory = match (weights, self.plan.slot(value)) {
            (Some(Data::F32(floats)), _) => floats,
            (_, Some(slot)) => values.taken(slot, self.graph.shape(value).elements()),
            (_, None) => vec![0.0; self.graph.shape(value).elements()],
        };
        let replaced = node.updates().find(|(_, new)| *new == value);
        if let Some(Data::F32(floats)) = replaced.and_then(|(old, _)| fed.get(&old)).map(|tensor| tensor.data()) {
            memory[..floats.len()].copy_from_slice(floats);
        }
        memory
    }

    /// Puts the memory back that [`take`](Self::take) gave, now written.
    fn put_back(
        &self,
        value: Value,
        memory: Vec<f32>,
        values: &mut Values,
        updates: Option<&mut Updates>,
    ) -> Result<()> {
        let weights = self.plan.master_of(value);
        let parts = weights.and_then(|weights| Some((weights, self.graph.parts(weights)?)));
        match (parts.zip(updates), self.plan.slot(value)) {
            (Some(((weights, parts), updates)), _) => {
                let updated = self::memory(self.device, Tensor::f32(self.graph.shape(weights).clone(), memory)?);
                values.fixed.insert(weights, updated.tensor()?.clone());
                updates.replace(parts, updated);
            }
            (None, Some(slot)) => values.slots[slot] = memory,
            (None, None) => {}
        }
        Ok(())
    }

    fn inputs<'a>(&'a self, node: &Node, fed: &'a Fed<'_>, values: &'a Values) -> Result<Vec<Option<Operand<'a>>>> {
        let bindings = node.call.family().bindings.iter().zip(&node.operands);
        let read = bindings.filter(|(binding, _)| binding.access == Access::Read);
        read.map(|(_, value)| value.map(|value| self.operand(value, fed, values)).transpose()).collect()
    }

    fn operand<'a>(&'a self, value: Value, fed: &'a Fed<'_>, values: &'a Values) -> Result<Operand<'a>> {
        let fixed = values.fixed.get(&self.plan.master_of(value).unwrap_or(value)).map(|tensor| &**tensor);
        let tensor = fixed.or_else(|| fed.get(&value).copied());
        Ok(match (tensor.map(Tensor::data), self.plan.slot(value), self.graph.element(value)) {
            (Some(Data::F32(values)), ..) => Operand::F32(values),
            (Some(Data::U32(values)), ..) => Operand::U32(values),
            (None, Some(slot), Element::F32) => Operand::F32(self.held(value, &values.slots[slot])),
            (None, Some(slot), Element::U32) => {
                Operand::U32(bytemuck::cast_slice(self.held(value, &values.slots[slot])))
            }
            _ => return Err(Error::usage(format!("{} has no memory of 32-bit elements", self.graph.name(value)))),
        })
    }

    /// The memory of a value in its slot.
    fn held<'a>(&self, value: Value, slot: &'a [f32]) -> &'a [f32] {
        &slot[..self.graph.shape(value).elements()]
    }

    /// A copy of a value that is in its slot.
    fn copied(&self, value: Value, values: &Values) -> Result<Tensor> {
        if let Some(updated) = self.plan.master_of(value).and_then(|weights| values.fixed.get(&weights)) {
            return (**updated).clone().reshaped(self.graph.shape(value).clone());
        }
        let slot = self.plan.slot(value).ok_or_else(|| self.unknown(value))?;
        let bytes = bytemuck::cast_slice(self.held(value, &values.slots[slot]));
        Tensor::from_bytes(self.graph.shape(value).clone(), self.graph.element(value), bytes)
    }

    fn unknown(&self, value: Value) -> Error {
        Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))
    }
}

impl std::fmt::Debug for HostExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostExecutor").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Executor for HostExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        vec!["host"; self.graph.nodes().len()]
    }

    fn value_bytes(&self) -> u64 {
        self.plan.bytes()
    }

    fn compute<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Memory>> {
        Pending::new(async move {
            let tensors = self.pass(feeds, wanted)?;
            Ok(tensors.into_iter().map(|tensor| memory(self.device, tensor)).collect())
        })
    }

    fn compute_timed<'a>(&'a self, feeds: &'a Feeds<'a>) -> Pending<'a, Vec<Duration>> {
        Pending::new(async move { self.timed(feeds) })
    }

    fn run<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Tensor>> {
        Pending::new(async move { self.pass(feeds, wanted) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Device, Weights};
    use crate::kernels::weights::SgdStep;

    struct Zeros;

    impl Weights for Zeros {
        fn tensor(&self, _: &str) -> Result<Tensor> {
            Ok(Tensor::zeros([4, 8], Element::F32))
        }
    }

    #[test]
    fn weights_are_updated_where_they_are() {
        let mut graph = Graph::new();
        let gradient = graph.input("gradient", [4, 8], Element::F32).unwrap();
        let rate = graph.input("rate", [1], Element::F32).unwrap();
        let weight = graph.weights(&["weight".to_owned()], [4, 8]).unwrap();
        let step = SgdStep::new(4, 8);
        let stepped = graph.call(step, &[Some(gradient), Some(rate), Some(weight), None], "stepped", [4, 8]).unwrap();
        graph.output(stepped).unwrap();
        let device = Device::host(Some(1)).unwrap();
        let weights = DeviceWeights::new(&device, Arc::new(Zeros));
        let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait().unwrap();
        let (slope, rate) = (Tensor::f32([4, 8], vec![1.0; 32]).unwrap(), Tensor::f32([1], vec![0.5]).unwrap());
        let mut addresses = Vec::new();
        for _ in 0..3 {
            executor.run(&[("gradient", Feed::Host(&slope)), ("rate", Feed::Host(&rate))], &[]).wait().unwrap();
            let rows = weights.updates().rows(&["weight".to_owned()]).cloned().unwrap();
            addresses.push(rows.tensor().unwrap().as_f32().unwrap().as_ptr());
        }
        assert_eq!(weights.read("weight").wait().unwrap().as_f32().unwrap(), [-1.5; 32]);
        assert!(addresses[1] == addresses[0] && addresses[2] == addresses[0], "{addresses:?}");
    }
}
