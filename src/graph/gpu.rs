//! Runs a graph's kernels on a GPU.

use std::sync::Arc;
use std::time::Duration;

use super::memory::Content;
use super::{Backend, DeviceWeights, Executor, Feed, Feeds, Graph, Memory, Node, Origin, Plan, Value, feed_of};
use crate::gpu::{Buffer, Capabilities, Commands, DeviceId, DeviceKind, Gpu, Pending, Readback};
use crate::kernels::{self, Layout, Program, ProgramBuilder, Selection, Variant};
use crate::tensor::{Element, Error, Result, Shape, Tensor};

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
        selection: &'a Selection,
    ) -> Pending<'a, Box<dyn Executor>> {
        Pending::new(async move {
            let executor = GpuExecutor::new(graph, weights, selection).await?;
            Ok(Box::new(executor) as Box<dyn Executor>)
        })
    }

    fn upload<'a>(&'a self, name: &'a str, tensor: Tensor, layout: Layout) -> Pending<'a, Memory> {
        Pending::new(async move {
            let content = Content::Buffer(self.buffer_with(name, &layout.lay_out(&tensor)?).await?);
            Ok(Memory::new(Gpu::id(self), tensor.shape().clone(), tensor.element(), content))
        })
    }

    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor> {
        Pending::new(async move {
            memory.check(Gpu::id(self), self.name())?;
            let bytes = memory.shape().elements() * memory.element().bytes();
            let content = self.read(memory.buffer()?, 0..bytes as u64).await?;
            Tensor::from_bytes(memory.shape().clone(), memory.element(), &content)
        })
    }

    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory> {
        Pending::new(async move {
            let element = parts.first().map_or(Element::F32, Memory::element);
            let joined = self.buffer("joined tensors", (shape.elements() * element.bytes()) as u64).await?;
            let mut commands = self.commands();
            let mut end = 0;
            for part in parts {
                part.check(Gpu::id(self), self.name())?;
                let bytes = (part.shape().elements() * element.bytes()) as u64;
                commands.copy(part.buffer()?, 0..bytes, &joined, end);
                end += bytes;
            }
            commands.run().await?;
            Memory::of_buffer(joined, shape.clone(), element)
        })
    }
}

/// A graph bound to a GPU: everything compiled, uploaded and allocated once, then run as often as wanted, in one
/// submission each unless the pass is so long that a system would take its GPU for hung.
pub struct GpuExecutor {
    device: Gpu,
    graph: Arc<Graph>,
    plan: Plan,
    slots: Vec<Buffer>,
    variants: Vec<&'static Variant>,
    program: Program,
}

impl GpuExecutor {
    /// Prepares `graph` on the device that holds `weights`, with the variants that `selection` asks for.
    pub fn new<'a>(graph: Arc<Graph>, weights: &'a DeviceWeights, selection: &'a Selection) -> Pending<'a, Self> {
        Pending::new(Self::bound(graph, weights, selection))
    }

    async fn bound(graph: Arc<Graph>, weights: &DeviceWeights, selection: &Selection) -> Result<Self> {
        let device = weights.device().gpu().cloned();
        let device = device.ok_or_else(|| Error::usage("kernels in WGSL need a GPU, and the weights are elsewhere"))?;
        let plan = Plan::new(&graph);
        let mut slots = Vec::with_capacity(plan.slots.len());
        for bytes in &plan.slots {
            slots.push(device.buffer("intermediate values", *bytes).await?);
        }
        let operands = Operands { device: &device, graph: &graph, plan: &plan, slots: &slots, weights };
        let mut variants = Vec::new();
        let mut builder = ProgramBuilder::new(&device).await?;
        for node in graph.nodes() {
            let name = || node.outputs().next().map(|value| graph.name(value).to_owned()).unwrap_or_default();
            let plan = selection.plan(&*node.call, device.capabilities()).map_err(|error| error.within(name()))?;
            let bound = operands.of(node, &plan).await?;
            variants.push(plan.variant);
            builder.call(node.call.family(), plan, bound);
        }
        let program = builder.finish().await?;
        Ok(Self { device, graph, plan, slots, variants, program })
    }

    /// Where values live.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The variant that runs each call.
    pub fn variants(&self) -> &[&'static Variant] {
        &self.variants
    }

    /// Computes everything, timing each call on the device: one duration a call.
    pub fn compute_timed<'a>(&'a self, feeds: &'a Feeds<'a>) -> Pending<'a, Vec<Duration>> {
        Pending::new(async move {
            let mut commands = self.device.timed_commands(self.graph.nodes().len()).await?;
            self.feed(feeds, &mut commands)?;
            for place in 0..self.graph.nodes().len() {
                self.split(place, &mut commands);
                commands.dispatch_timed(self.program.call(place));
            }
            commands.run().await
        })
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
    fn feed<'a>(&'a self, feeds: &Feeds<'a>, commands: &mut Commands<'a>) -> Result<()> {
        for input in self.graph.inputs() {
            let Some(slot) = self.plan.slot(input) else { continue };
            match feed_of(&self.graph, feeds, input)? {
                Feed::Host(tensor) => commands.write(&self.slots[slot], 0, tensor.bytes()),
                Feed::Device(memory) => {
                    memory.check(self.device.id(), self.device.name())?;
                    commands.copy(memory.buffer()?, 0..self.graph.bytes(input), &self.slots[slot], 0);
                }
            }
        }
        Ok(())
    }

    /// A pass, with what `copy` records of each value and its slot as soon as it is computed: the slot is used again.
    fn pass<'a>(
        &'a self,
        feeds: &Feeds<'a>,
        copy: impl Fn(Value, &'a Buffer, &mut Commands<'a>),
    ) -> Result<Commands<'a>> {
        let mut commands = self.device.commands();
        self.feed(feeds, &mut commands)?;
        for (place, node) in self.graph.nodes().iter().enumerate() {
            self.split(place, &mut commands);
            commands.dispatch(self.program.call(place));
            for output in node.outputs() {
                if let Some(slot) = self.plan.slot(output) {
                    copy(output, &self.slots[slot], &mut commands);
                }
            }
        }
        Ok(commands)
    }

    /// An error for a value that no call computes.
    fn check_computed(&self, value: Value) -> Result<()> {
        match self.graph.origin(value) {
            Origin::Call(_) => Ok(()),
            _ => Err(Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))),
        }
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
    weights: &'a DeviceWeights,
}

impl Operands<'_> {
    /// The device memory of everything that `node` binds, laid out as `plan` wants it.
    async fn of(&self, node: &Node, plan: &kernels::Plan) -> Result<Vec<Option<Buffer>>> {
        let shapes = node.call.operands();
        let mut buffers = Vec::with_capacity(node.operands.len());
        for (binding, value) in node.operands.iter().enumerate() {
            buffers.push(match value {
                Some(value) => Some(self.buffer(node, plan, binding, *value, shapes[binding].as_ref()).await?),
                None => None,
            });
        }
        Ok(buffers)
    }

    async fn buffer(
        &self,
        node: &Node,
        plan: &kernels::Plan,
        binding: usize,
        value: Value,
        shape: Option<&Shape>,
    ) -> Result<Buffer> {
        let layout = plan.layouts[binding];
        // Constant operands are laid out in the shape the kernel gives them.
        let shape = shape.unwrap_or_else(|| self.graph.shape(value));
        match (self.graph.origin(value), self.plan.slot(value)) {
            (Origin::Weights(parts), _) => self.weights.memory(parts, shape, layout).await?.buffer().cloned(),
            (Origin::Constant(tensor), _) => {
                let tensor = (**tensor).clone().reshaped(shape.clone())?;
                self.device.upload(self.graph.name(value), tensor, layout).await?.buffer().cloned()
            }
            (_, Some(slot)) if layout == Layout::Rows => Ok(self.slots[slot].clone()),
            _ => Err(Error::unsupported(format!(
                "kernel {}, variant {}: {} must be constant",
                node.call.family().name,
                plan.variant.name,
                self.graph.name(value)
            ))),
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

    fn compute<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Memory>> {
        Pending::new(async move {
            let mut kept = Vec::with_capacity(wanted.len());
            for &value in wanted {
                self.check_computed(value)?;
                kept.push(self.device.buffer("kept value", self.graph.bytes(value)).await?);
            }
            let pass = self.pass(feeds, |value, slot, commands| {
                for (_, to) in wanted.iter().zip(&kept).filter(|(wanted, _)| **wanted == value) {
                    commands.copy(slot, 0..self.graph.bytes(value), to, 0);
                }
            })?;
            pass.run().await?;
            let memory = |(value, kept): (&Value, Buffer)| {
                Memory::of_buffer(kept, self.graph.shape(*value).clone(), self.graph.element(*value))
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
            let pass = self.pass(feeds, |value, slot, commands| {
                for (_, to) in wanted.iter().zip(&readbacks).filter(|(wanted, _)| **wanted == value) {
                    commands.read(slot, 0..self.graph.bytes(value), to);
                }
            })?;
            pass.run().await?;
            let tensor = |(value, readback): (&Value, &Readback)| {
                Tensor::from_bytes(self.graph.shape(*value).clone(), self.graph.element(*value), &readback.bytes()?)
            };
            wanted.iter().zip(&readbacks).map(tensor).collect()
        })
    }
}
