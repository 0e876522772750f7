//! Runs a graph's kernels on a GPU.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::lowering::Lowered;
use super::memory::Content;
use super::packed::{PackedWeights, Remade};
use super::{
    Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Memory, Node, Origin, Plan, Value, feed_of,
};
use crate::gpu::{Buffer, Capabilities, Commands, DeviceId, DeviceKind, Gpu};
use crate::kernels::{self, Program, ProgramBuilder, Variant};
use crate::tensor::{Element, Error, Format, Layout, Result, Shape, Tensor};

impl Backend for Gpu {
    fn id(&self) -> DeviceId {
        Gpu::id(self)
    }

    fn name(&self) -> &str {
        &self.capabilities().name
    }

    fn gpu(&self) -> Option<&Gpu> {
        Some(self)
    }

    fn largest_value(&self) -> u64 {
        self.capabilities().limits.buffer_bytes
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        weights: &DeviceWeights,
        options: &ExecutorOptions,
    ) -> Result<Box<dyn Executor>> {
        Ok(Box::new(GpuExecutor::new(graph, weights, options)?))
    }

    fn upload(&self, name: &str, tensor: Tensor, format: Format) -> Result<Memory> {
        let bytes = format.bytes_of(&tensor).map_err(|error| error.within(name))?;
        let content = Content::Buffer(self.buffer_with(name, &bytes)?);
        Ok(Memory::new(Gpu::id(self), tensor.shape().clone(), format, content))
    }

    fn read(&self, memory: &Memory) -> Result<Tensor> {
        memory.check(Gpu::id(self), self.name())?;
        if memory.format().layout != Layout::Rows {
            return Err(Error::usage(format!(
                "a tensor of {} lies as kernels want it: read its rows",
                memory.format()
            )));
        }
        let bytes = memory.format().bytes(memory.shape());
        let content = self.read(memory.buffer()?, 0..bytes as u64)?;
        Tensor::from_bytes(memory.shape().clone(), memory.element(), &content)
    }

    fn join(&self, parts: &[Memory], shape: &Shape) -> Result<Memory> {
        let element = parts.first().map_or(Element::F32, Memory::element);
        let joined = self.buffer("joined tensors", element.bytes_of(shape.elements()))?;
        let mut commands = self.commands();
        let mut end = 0;
        for part in parts {
            part.check(Gpu::id(self), self.name())?;
            let bytes = element.bytes_of(part.shape().elements());
            commands.copy(part.buffer()?, 0..bytes, &joined, end);
            end += bytes;
        }
        commands.run()?;
        Memory::of_buffer(joined, shape.clone(), element)
    }
}

/// A graph bound to a GPU: everything compiled, uploaded and allocated once, then run as often as wanted, in one
/// submission each unless the pass is so long that a system would take its GPU for hung.
pub struct GpuExecutor {
    device: Gpu,
    /// As it was recorded.
    graph: Arc<Graph>,
    plan: Plan,
    slots: Vec<Buffer>,
    /// The rows of the weights that it updates.
    masters: HashMap<Value, Memory>,
    weights: DeviceWeights,
    packed: PackedWeights,
    variants: Vec<&'static Variant>,
    program: Program,
    /// The calls of the program that each recorded one has become.
    calls: Vec<Range<usize>>,
}

impl GpuExecutor {
    /// Prepares `graph` on the device that holds `weights`.
    pub fn new(graph: Arc<Graph>, weights: &DeviceWeights, options: &ExecutorOptions) -> Result<Self> {
        let device = weights.device().gpu().cloned();
        let device = device.ok_or_else(|| Error::usage("kernels in WGSL need a GPU, and the weights are elsewhere"))?;
        let lowered = Lowered::new(&graph, device.capabilities(), options)?;
        let plan = Plan::with_scratch(&lowered.graph, &lowered.scratch());
        let slots: Vec<_> =
            plan.slots.iter().map(|bytes| device.buffer("intermediate values", *bytes)).collect::<Result<_>>()?;
        let masters = weights.masters(&graph)?;
        let operands =
            Operands { device: &device, graph: &lowered.graph, plan: &plan, slots: &slots, masters: &masters, weights };
        let variants = lowered.recorded_plans().map(|plan| plan.variant).collect();
        let mut builder = ProgramBuilder::new(&device)?;
        let mut packed = PackedWeights::new(weights);
        for ((place, node), plan) in lowered.graph.nodes().iter().enumerate().zip(lowered.plans) {
            let bound = operands.of(place, node, &plan)?;
            packed.add(&lowered.graph, node, &plan, &bound);
            builder.call(node.call.family(), plan, bound);
        }
        let (program, calls) = (builder.finish()?, lowered.calls);
        let weights = weights.clone();
        Ok(Self { device, graph, plan, slots, masters, weights, packed, variants, program, calls })
    }

    /// Where values live.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The variant that runs each call.
    pub fn variants(&self) -> &[&'static Variant] {
        &self.variants
    }

    /// The device memory in which the output `value` is after a run; an error for a value that does not survive.
    pub fn buffer(&self, value: Value) -> Result<&Buffer> {
        match self.memory(value) {
            Some(buffer) if self.plan.survives(value) => Ok(buffer),
            _ => Err(Error::usage(format!("{} is no output of this graph", self.graph.name(value)))),
        }
    }

    /// Where `value` is once it is computed.
    fn memory(&self, value: Value) -> Option<&Buffer> {
        match self.plan.weights(value) {
            Some(weights) => self.masters.get(&weights)?.buffer().ok(),
            None => self.plan.slot(value).map(|slot| &self.slots[slot]),
        }
    }

    /// Computes everything, timing each call on the device: one duration a call.
    pub fn compute_timed(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<Vec<Duration>> {
        let mut commands = self.device.commands();
        let remade = self.packed.remake(&self.device, &mut commands)?;
        self.feed(feeds, &mut commands)?;
        for place in 0..self.graph.nodes().len() {
            self.split(place, &mut commands);
            commands.dispatch_timed(self.program.calls(&self.calls[place]));
        }
        let times = commands.run()?;
        self.account(&remade);
        Ok(times)
    }

    /// What a pass that has run has done to weights.
    fn account(&self, remade: &[Remade<'_>]) {
        self.packed.made(remade);
        self.masters.keys().filter_map(|value| self.graph.parts(*value)).for_each(|parts| self.weights.update(parts));
    }

    /// Begins another submission before the call at `place` where the one so far holds as much as it should.
    fn split(&self, place: usize, commands: &mut Commands<'_>) {
        let most = operations_per_submission(self.device.capabilities());
        let before =
            |end: usize| -> u64 { self.graph.nodes()[..end].iter().map(|node| node.call.cost().operations).sum() };
        if place > 0 && before(place) / most != before(place + 1) / most {
            commands.split();
        }
    }

    /// Puts every input where the program looks for it.
    fn feed<'a>(&'a self, feeds: &[(&str, Feed<'a>)], commands: &mut Commands<'a>) -> Result<()> {
        for input in self.graph.inputs() {
            let Some(slot) = self.plan.slot(input) else { continue };
            match feed_of(&self.graph, feeds, input)? {
                Feed::Host(tensor) => self.device.write(&self.slots[slot], 0, tensor.bytes())?,
                Feed::Device(memory) => {
                    memory.check(self.device.id(), self.device.name())?;
                    commands.copy(memory.buffer()?, 0..self.graph.bytes(input), &self.slots[slot], 0);
                }
            }
        }
        Ok(())
    }

    /// Feeds, runs, and copies each `copied` value out as soon as it is computed.
    fn submit<'a>(&'a self, feeds: &[(&str, Feed<'a>)], copied: &[(Value, &'a Buffer)]) -> Result<()> {
        let mut commands = self.device.commands();
        let remade = self.packed.remake(&self.device, &mut commands)?;
        self.feed(feeds, &mut commands)?;
        for (place, node) in self.graph.nodes().iter().enumerate() {
            self.split(place, &mut commands);
            commands.dispatch(self.program.calls(&self.calls[place]));
            for output in node.outputs() {
                for (_, to) in copied.iter().filter(|(value, _)| *value == output) {
                    if let Some(memory) = self.memory(output) {
                        commands.copy(memory, 0..self.graph.bytes(output), to, 0);
                    }
                }
            }
        }
        commands.run()?;
        self.account(&remade);
        Ok(())
    }
}

/// Operations after which a pass goes on in another submission: systems reset a GPU that works on one for seconds (two on
/// Windows). A discrete GPU computes at least 4 TFLOP/s with these kernels, others as little as a twentieth of that.
fn operations_per_submission(device: &Capabilities) -> u64 {
    match device.kind {
        DeviceKind::Software => u64::MAX,
        DeviceKind::Discrete => 4_000_000_000_000,
        DeviceKind::Integrated | DeviceKind::Virtual | DeviceKind::Other => 200_000_000_000,
    }
}

/// Where the operands of calls are found.
struct Operands<'a> {
    device: &'a Gpu,
    graph: &'a Graph,
    plan: &'a Plan,
    slots: &'a [Buffer],
    masters: &'a HashMap<Value, Memory>,
    weights: &'a DeviceWeights,
}

impl Operands<'_> {
    /// The device memory of everything that `node` binds, laid out as `plan` wants it.
    fn of(&self, place: usize, node: &Node, plan: &kernels::Plan) -> Result<Vec<Option<Buffer>>> {
        let shapes = node.call.operands();
        let operands = node.operands.iter().zip(&shapes).zip(&plan.formats);
        let scratch = |binding| self.plan.scratch(place, binding).map(|slot| self.slots[slot].clone());
        let buffer = |((value, shape), format): ((&Option<Value>, &Option<Shape>), &Format)| {
            // Constant operands are laid out in the shape the kernel gives them.
            value
                .map(|value| self.buffer(value, shape.as_ref().unwrap_or(self.graph.shape(value)), *format))
                .transpose()
        };
        let operands = operands.map(buffer).enumerate();
        operands.map(|(binding, buffer)| Ok(buffer?.or_else(|| scratch(binding)))).collect()
    }

    fn buffer(&self, value: Value, shape: &Shape, format: Format) -> Result<Buffer> {
        match (self.graph.origin(value), self.plan.slot(value)) {
            (Origin::Weights(parts), _) => self.weights.memory(parts, shape, format)?.buffer().cloned(),
            (Origin::Constant(tensor), _) => {
                let tensor = (**tensor).clone().reshaped(shape.clone())?;
                self.device.upload(self.graph.name(value), tensor, format)?.buffer().cloned()
            }
            (_, Some(slot)) => Ok(self.slots[slot].clone()),
            (_, None) => self.updated(value),
        }
    }

    /// The memory of a value that updates have made of weights.
    fn updated(&self, value: Value) -> Result<Buffer> {
        match self.plan.weights(value).and_then(|weights| self.masters.get(&weights)) {
            Some(memory) => memory.buffer().cloned(),
            None => Err(Error::usage(format!("{} has no memory", self.graph.name(value)))),
        }
    }
}

impl Executor for GpuExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        self.variants.iter().map(|variant| variant.name).collect()
    }

    fn compute(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<()> {
        self.submit(feeds, &[]).map(drop)
    }

    fn keep(&self, value: Value) -> Result<Memory> {
        let (shape, element) = (self.graph.shape(value), self.graph.element(value));
        let kept = self.device.buffer("kept value", self.graph.bytes(value))?;
        let mut commands = self.device.commands();
        commands.copy(self.buffer(value)?, 0..self.graph.bytes(value), &kept, 0);
        commands.run()?;
        Memory::of_buffer(kept, shape.clone(), element)
    }

    fn run(&mut self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<Vec<Tensor>> {
        let mut copies = Vec::new();
        for &value in wanted {
            match self.graph.origin(value) {
                Origin::Call(_) if self.plan.survives(value) => {}
                Origin::Call(_) => copies.push((value, self.device.buffer("tapped value", self.graph.bytes(value))?)),
                _ => return Err(Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))),
            }
        }
        let copied: Vec<_> = copies.iter().map(|(value, buffer)| (*value, buffer)).collect();
        self.submit(feeds, &copied)?;
        wanted
            .iter()
            .map(|&value| {
                let copy = copies.iter().find(|(copied, _)| *copied == value).map(|(_, buffer)| buffer);
                let buffer = copy.map_or_else(|| self.buffer(value), Ok)?;
                let bytes = self.device.read(buffer, 0..self.graph.bytes(value))?;
                Tensor::from_bytes(self.graph.shape(value).clone(), self.graph.element(value), &bytes)
            })
            .collect()
    }
}
