//! From the recorded graph to what a GPU runs: a plan of each call, and operands in the formats that the plans ask for.

use std::collections::HashMap;
use std::ops::Range;

use super::{ExecutorOptions, Graph, Node, Origin, Value};
use crate::gpu::Capabilities;
use crate::kernels::weights::Repack;
use crate::kernels::{Plan, Precision};
use crate::tensor::{Format, Result};

/// A graph as a GPU runs it: the recorded calls, each after the repacks of its operands.
///
/// Recorded values are the same values here, and lie in rows as recorded. Where a call wants a computed value in another
/// format, it reads a copy of it. Weights and constants are not repacked here: they are uploaded as they are wanted.
pub(super) struct Lowered {
    /// The recorded calls with the repacks between them.
    pub(super) graph: Graph,
    /// How each call of `graph` runs.
    pub(super) plans: Vec<Plan>,
    /// For each recorded call, the range of its repacks and, as the last, itself.
    pub(super) calls: Vec<Range<usize>>,
}

impl Lowered {
    /// Lowers `recorded` for `device`.
    pub(super) fn new(recorded: &Graph, device: &Capabilities, options: &ExecutorOptions) -> Result<Self> {
        let graph = recorded.without_calls();
        let lowered = Self { graph, plans: Vec::new(), calls: Vec::new() };
        let mut lowering = Lowering { lowered, repacked: HashMap::new(), device, options };
        recorded.nodes().iter().try_for_each(|node| lowering.call(recorded, node))?;
        Ok(lowering.lowered)
    }

    /// Bytes of scratch for each binding of each call.
    pub(super) fn scratch(&self) -> Vec<Vec<u64>> {
        self.plans.iter().map(|plan| plan.scratch.clone()).collect()
    }

    /// The plan of each recorded call.
    pub(super) fn recorded_plans(&self) -> impl Iterator<Item = &Plan> {
        self.calls.iter().map(|calls| &self.plans[calls.end - 1])
    }
}

/// A graph while it is lowered.
struct Lowering<'a> {
    lowered: Lowered,
    /// The copies so far.
    repacked: HashMap<(Value, Format), Value>,
    device: &'a Capabilities,
    options: &'a ExecutorOptions,
}

impl Lowering<'_> {
    fn call(&mut self, recorded: &Graph, node: &Node) -> Result<()> {
        let name = || node.outputs().next().map(|value| recorded.name(value).to_owned()).unwrap_or_default();
        let precision = precision(recorded, node, self.options.precision);
        let plan = self.options.variants.plan(&*node.call, self.device, precision);
        let plan = plan.map_err(|error| error.within(name()))?;
        let first = self.lowered.plans.len();
        let mut node = node.clone();
        let family = node.call.family();
        let bindings = family.bindings.iter().zip(&plan.formats).zip(&mut node.operands);
        for ((binding, format), operand) in bindings {
            let Some(value) = operand else { continue };
            let is_fixed = matches!(recorded.origin(*value), Origin::Weights(_) | Origin::Constant(_));
            if *format != Format::rows(binding.element) && !is_fixed {
                *value = self.repacked(*value, *format).map_err(|error| error.within(name()))?;
            }
        }
        self.lowered.graph.add(node);
        self.lowered.plans.push(plan);
        self.lowered.calls.push(first..self.lowered.plans.len());
        Ok(())
    }

    /// A copy of `value` in `format`.
    fn repacked(&mut self, value: Value, format: Format) -> Result<Value> {
        if let Some(copy) = self.repacked.get(&(value, format)) {
            return Ok(*copy);
        }
        let graph = &mut self.lowered.graph;
        let shape = graph.shape(value);
        let call = Repack { columns: shape.rows(), inner: shape.last(), format };
        let name = format!("{} as {format}", graph.name(value));
        let plan = self.options.variants.plan(&call, self.device, Precision::F32)?;
        let words = format.words(shape);
        let copy = graph.call(call, &[Some(value)], &name, [words])?;
        self.lowered.plans.push(plan);
        self.repacked.insert((value, format), copy);
        Ok(copy)
    }
}

/// How precisely the weights of a call are stored: as asked, but f32 where a call computes them.
fn precision(graph: &Graph, node: &Node, asked: Precision) -> Precision {
    let bindings = node.call.family().bindings.iter().zip(&node.operands);
    let mut weights = bindings.filter(|(binding, _)| binding.weight).filter_map(|(_, value)| *value);
    let are_weights = weights.all(|value| matches!(graph.origin(value), Origin::Weights(_)));
    if are_weights { asked } else { Precision::F32 }
}
