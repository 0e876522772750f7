//! Runs a graph's kernels on a GPU.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::lowering::Lowered;
use super::memory::Content;
use super::packed::PackedWeights;
use super::widened::WidenedValues;
use super::{
    Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Feeds, Graph, Memory, MemoryPlan, Node, Origin, Value,
    feed_of,
};
use crate::gpu::{Buffer, Capabilities, Commands, DeviceId, DeviceKind, Gpu, Pending, Readback};
use crate::kernels::{self, Precision, Program, ProgramBuilder, Variant};
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

    fn prepare<'a>(
        &'a self,
        graph: Arc<Graph>,
        weights: &'a DeviceWeights,
        options: &'a ExecutorOptions,
    ) -> Pending<'a, Box<dyn Executor>> {
        Pending::new(async move {
            weights.check(Gpu::id(self), self.name())?;
            self.check_options(options)?;
            let executor = GpuExecutor::bound(self.clone(), graph, weights, options).await?;
            Ok(Box::new(executor) as Box<dyn Executor>)
        })
    }

    fn upload<'a>(&'a self, name: &'a str, tensor: Tensor, format: Format) -> Pending<'a, Memory> {
        Pending::new(async move {
            let bytes = format.bytes_of(&tensor).map_err(|error| error.within(name))?;
            let content = Content::Buffer(self.buffer_with(name, &bytes).await?);
            Ok(Memory::new(Gpu::id(self), tensor.shape().clone(), format, content))
        })
    }

    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor> {
        Pending::new(async move {
            memory.check(Gpu::id(self), self.name())?;
            if memory.format().layout != Layout::Rows {
                return Err(Error::usage(format!(
                    "a tensor of {} cannot be read back, only one in rows",
                    memory.format()
                )));
            }
            let bytes = memory.format().bytes(memory.shape());
            let content = self.read(memory.buffer()?, 0..bytes).await?;
            Tensor::from_bytes(memory.shape().clone(), memory.element(), &content)
        })
    }

    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory> {
        Pending::new(async move {
            let element = parts.first().map_or(Element::F32, Memory::element);
            let runs = shape.runs_of(&parts.iter().map(Memory::shape).collect::<Vec<_>>())? as u64;
            if let Some(part) = parts.iter().find(|part| part.format() != Format::rows(element)) {
                return Err(Error::usage(format!(
                    "a tensor of {} is no part of one of {} in rows",
                    part.format(),
                    Format::rows(element)
                )));
            }
            let joined = self.buffer("joined tensors", element.bytes_of(shape.elements())).await?;
            parts.iter().try_for_each(|part| part.check(Gpu::id(self), self.name()))?;
            let mut commands = self.commands();
            let mut end = 0;
            for run in 0..runs {
                for part in parts {
                    let bytes = element.bytes_of(part.shape().elements()) / runs;
                    commands.copy(part.buffer()?, run * bytes..(run + 1) * bytes, &joined, end);
                    end += bytes;
                }
            }
            commands.run().await?;
            Memory::from_buffer(joined, shape.clone(), element)
        })
    }
}

/// A graph bound to a GPU: everything compiled, uploaded and allocated once, then run as often as wanted, in one
/// submission each unless the pass is so long that a system would take its GPU for hung.
struct GpuExecutor {
    device: Gpu,
    /// As it was recorded.
    graph: Arc<Graph>,
    plan: MemoryPlan,
    slots: Vec<Buffer>,
    /// The rows of the weights that it updates.
    masters: HashMap<Value, Memory>,
    weights: DeviceWeights,
    packed: PackedWeights,
    widened: WidenedValues,
    variants: Vec<&'static Variant>,
    program: Program,
    /// For each recorded call, the calls of the program that run it.
    calls: Vec<Range<usize>>,
}

impl GpuExecutor {
    async fn bound(device: Gpu, graph: Arc<Graph>, weights: &DeviceWeights, options: &ExecutorOptions) -> Result<Self> {
        let lowered = Lowered::new(&graph, device.capabilities(), options)?;
        let plan = MemoryPlan::with_scratch(&lowered.graph, &lowered.scratch());
        let mut slots = Vec::with_capacity(plan.slots.len());
        for bytes in &plan.slots {
            slots.push(device.buffer("intermediate values", *bytes).await?);
        }
        let masters = weights.masters(&graph).await?;
        let operands =
            Operands { device: &device, graph: &lowered.graph, plan: &plan, slots: &slots, masters: &masters, weights };
        let variants = lowered.recorded_plans().map(|plan| plan.variant).collect();
        let widened = WidenedValues::new(&graph, &lowered, &plan, &slots);
        let mut builder = ProgramBuilder::new(&device).await?;
        let mut packed = PackedWeights::new(weights);
        for ((call, node), plan) in lowered.graph.nodes().iter().enumerate().zip(lowered.plans) {
            let bound = operands.of(call, node, &plan).await?;
            packed.add(&lowered.graph, node, &plan, &bound);
            builder.call(node.call.family(), plan, bound);
        }
        let (program, calls) = (builder.finish().await?, lowered.calls);
        let weights = weights.clone();
        Ok(Self { device, graph, plan, slots, masters, weights, packed, widened, variants, program, calls })
    }

    /// Begins another submission before the call with index `call` where the one so far has enough work.
    fn split(&self, call: usize, commands: &mut Commands<'_>) {
        let most = operations_per_submission(self.device.capabilities());
        let operations = |node: &Node| node.call.cost(Precision::F32).operations;
        let before = |end: usize| -> u64 { self.graph.nodes()[..end].iter().map(operations).sum() };
        if call > 0 && before(call) / most != before(call + 1) / most {
            commands.split();
        }
    }

    /// Writes every input to its slot.
    fn feed<'a>(&'a self, feeds: &Feeds<'a>, commands: &mut Commands<'a>) -> Result<()> {
        for input in self.graph.inputs() {
            let Some(slot) = self.plan.slot(input) else { continue };
            match feed_of(&self.graph, feeds, input)? {
                Feed::Host(tensor) => commands.write(&self.slots[slot], 0, tensor.as_bytes()),
                Feed::Device(memory) => {
                    memory.check(self.device.id(), self.device.name())?;
                    commands.copy(memory.buffer()?, 0..self.graph.bytes(input), &self.slots[slot], 0);
                }
            }
        }
        Ok(())
    }

    /// Submits a pass. `copy` is called with each value and its memory once the value is computed, before the memory is used
    /// again.
    async fn pass<'a>(
        &'a self,
        feeds: &Feeds<'a>,
        copy: impl Fn(Value, &'a Buffer, &mut Commands<'a>),
    ) -> Result<Pending<'static, Vec<Duration>>> {
        let dispatch = |commands: &mut Commands<'a>, call: usize| {
            commands.dispatch(self.program.dispatches_of(&self.calls[call]));
            for output in self.graph.nodes()[call].outputs() {
                if let Some(memory) = self.memory(output) {
                    copy(output, memory, commands);
                }
            }
        };
        loop {
            self.packed.compile(&self.device).await?;
            if let Some(pass) = self.submit(feeds, self.device.commands(), &dispatch)? {
                return Ok(pass);
            }
        }
    }

    /// Records a pass, each call as `dispatch` does it, and submits it. Passes see updates of weights in the order in which
    /// they are submitted. None where another graph has begun to update a weight meanwhile, whose repack is not compiled.
    fn submit<'a>(
        &'a self,
        feeds: &Feeds<'a>,
        mut commands: Commands<'a>,
        dispatch: &dyn Fn(&mut Commands<'a>, usize),
    ) -> Result<Option<Pending<'static, Vec<Duration>>>> {
        self.feed(feeds, &mut commands)?;
        let mut updates = self.weights.updates();
        if !self.packed.remake(&mut updates, &mut commands) {
            return Ok(None);
        }
        for call in 0..self.graph.nodes().len() {
            self.split(call, &mut commands);
            dispatch(&mut commands, call);
        }
        self.masters.keys().filter_map(|value| self.graph.parts(*value)).for_each(|parts| updates.update(parts));
        let (pass, outcome) = (commands.run(), Unseen(Some(self.weights.clone())));
        Ok(Some(Pending::new(async move {
            let times = pass.await?;
            outcome.went_well();
            Ok(times)
        })))
    }

    /// The memory of `value`, where a call computes it.
    fn memory(&self, value: Value) -> Option<&Buffer> {
        match self.plan.master_of(value) {
            Some(weights) => self.masters.get(&weights)?.buffer().ok(),
            None => self.plan.slot(value).map(|slot| &self.slots[slot]),
        }
    }

    /// An error for a value that no call computes.
    fn check_computed(&self, value: Value) -> Result<()> {
        match self.graph.origin(value) {
            Origin::Call(_) => Ok(()),
            _ => Err(Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))),
        }
    }
}

/// A pass of which nobody has seen that it went well: the formats of weights that it was to make cannot be trusted.
struct Unseen(Option<DeviceWeights>);

impl Unseen {
    fn went_well(mut self) {
        self.0 = None;
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        self.0.iter().for_each(|weights| weights.updates().distrust());
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
    plan: &'a MemoryPlan,
    slots: &'a [Buffer],
    masters: &'a HashMap<Value, Memory>,
    weights: &'a DeviceWeights,
}

impl Operands<'_> {
    /// The device memory of everything that `node` binds, laid out as `plan` wants it.
    async fn of(&self, call: usize, node: &Node, plan: &kernels::Plan) -> Result<Vec<Option<Buffer>>> {
        let shapes = node.call.operands();
        let mut buffers = Vec::with_capacity(node.operands.len());
        for (binding, ((value, shape), format)) in node.operands.iter().zip(&shapes).zip(&plan.formats).enumerate() {
            buffers.push(match *value {
                // Constant operands are laid out in the shape the kernel gives them.
                Some(value) => {
                    let shape = shape.as_ref().unwrap_or(self.graph.shape(value));
                    Some(self.buffer(value, shape, *format).await?)
                }
                None => self.plan.scratch_slot(call, binding).map(|slot| self.slots[slot].clone()),
            });
        }
        Ok(buffers)
    }

    async fn buffer(&self, value: Value, shape: &Shape, format: Format) -> Result<Buffer> {
        match (self.graph.origin(value), self.plan.slot(value)) {
            (Origin::Weights(parts), _) => self.weights.memory(parts, shape, format).await?.buffer().cloned(),
            (Origin::Constant(tensor), _) => {
                let tensor = (**tensor).clone().reshaped(shape.clone())?;
                self.device.upload(self.graph.name(value), tensor, format).await?.buffer().cloned()
            }
            (_, Some(slot)) => Ok(self.slots[slot].clone()),
            (_, None) => self.updated(value),
        }
    }

    /// The memory of weights as updates leave them.
    fn updated(&self, value: Value) -> Result<Buffer> {
        match self.plan.master_of(value).and_then(|weights| self.masters.get(&weights)) {
            Some(memory) => memory.buffer().cloned(),
            None => Err(Error::usage(format!("{} has no memory", self.graph.name(value)))),
        }
    }
}

impl std::fmt::Debug for GpuExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GpuExecutor").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Executor for GpuExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        self.variants.iter().map(|variant| variant.name).collect()
    }

    fn value_bytes(&self) -> u64 {
        self.plan.bytes()
    }

    fn compute_timed<'a>(&'a self, feeds: &'a Feeds<'a>) -> Pending<'a, Vec<Duration>> {
        Pending::new(async move {
            if !self.device.capabilities().timestamps {
                return self.compute(feeds, &[]).await.map(|_| Vec::new());
            }
            let dispatch = |commands: &mut Commands<'a>, call: usize| {
                commands.dispatch_timed(self.program.dispatches_of(&self.calls[call]));
            };
            loop {
                self.packed.compile(&self.device).await?;
                let commands = self.device.timed_commands(self.graph.nodes().len()).await?;
                if let Some(pass) = self.submit(feeds, commands, &dispatch)? {
                    return pass.await;
                }
            }
        })
    }

    fn compute<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Memory>> {
        Pending::new(async move {
            let mut kept = Vec::with_capacity(wanted.len());
            for &value in wanted {
                self.check_computed(value)?;
                kept.push(self.device.buffer("kept value", self.graph.bytes(value)).await?);
            }
            self.widened.compile(&self.device, wanted).await?;
            let pass = self.pass(feeds, |value, memory, commands| {
                for (_, to) in wanted.iter().zip(&kept).filter(|(wanted, _)| **wanted == value) {
                    let memory = self.widened.make(value, commands).unwrap_or(memory);
                    commands.copy(memory, 0..self.graph.bytes(value), to, 0);
                }
            });
            pass.await?.await?;
            let memory = |(value, kept): (&Value, Buffer)| {
                Memory::from_buffer(kept, self.graph.shape(*value).clone(), self.graph.element(*value))
            };
            wanted.iter().zip(kept).map(memory).collect()
        })
    }

    fn run<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Tensor>> {
        Pending::new(async move {
            let mut readbacks = Vec::with_capacity(wanted.len());
            for &value in wanted {
                self.check_computed(value)?;
                readbacks.push(self.device.readback(self.graph.bytes(value)).await?);
            }
            self.widened.compile(&self.device, wanted).await?;
            let pass = self.pass(feeds, |value, memory, commands| {
                for (_, to) in wanted.iter().zip(&readbacks).filter(|(wanted, _)| **wanted == value) {
                    let memory = self.widened.make(value, commands).unwrap_or(memory);
                    commands.read(memory, 0..self.graph.bytes(value), to);
                }
            });
            pass.await?.await?;
            let tensor = |(value, readback): (&Value, &Readback)| {
                Tensor::from_bytes(self.graph.shape(*value).clone(), self.graph.element(*value), &readback.to_bytes()?)
            };
            wanted.iter().zip(&readbacks).map(tensor).collect()
        })
    }
}
