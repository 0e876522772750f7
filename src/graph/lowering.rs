//! From the recorded graph to what a GPU runs: a plan of each call, and operands in the formats that the plans ask for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::{ExecutorOptions, Graph, Node, Origin, Value};
use crate::gpu::Capabilities;
use crate::kernels::weights::Repack;
use crate::kernels::{Access, Plan, Precision};
use crate::tensor::{Element, Error, Format, Result, Shape};

/// How halves lie that one kernel leaves for others.
const HALVES: Format = Format::rows(Element::F16);

/// A graph as a GPU runs it: the recorded calls, each after the repacks of its operands.
///
/// Recorded values are the same values here, and lie in rows; as halves where that is how all that read them want them, and
/// what computes them can leave them so. Where a call wants a computed value in another format, it reads a copy of it.
/// Weights and constants are not repacked here: they are uploaded as they are wanted.
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
        let mut planning = Planning { recorded, device, options, plans: Vec::new() };
        recorded.nodes().iter().try_for_each(|node| planning.plan(node))?;
        let narrow = planning.narrow();
        let mut graph = recorded.without_calls();
        narrow.into_iter().for_each(|value| graph.leave_as(value, Element::F16));
        let lowered = Self { graph, plans: Vec::new(), calls: Vec::new() };
        let plans = planning.plans;
        let mut lowering = Lowering { lowered, repacked: HashMap::new(), device, options };
        recorded.nodes().iter().zip(plans).try_for_each(|(node, plan)| lowering.call(recorded, node, plan))?;
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

/// The plans of the recorded calls.
struct Planning<'a> {
    recorded: &'a Graph,
    device: &'a Capabilities,
    options: &'a ExecutorOptions,
    /// Of the calls so far.
    plans: Vec<Plan>,
}

impl Planning<'_> {
    fn plan(&mut self, node: &Node) -> Result<()> {
        let plan = self.options.variants.plan(&*node.call, self.device, self.precision(node));
        self.plans.push(plan.map_err(|error| error.within(name_of(self.recorded, node)))?);
        Ok(())
    }

    /// How precisely a call computes: as asked, but in f32 where its weights are computed, too.
    fn precision(&self, node: &Node) -> Precision {
        let bindings = node.call.family().bindings.iter().zip(&node.operands);
        let mut weights = bindings.filter(|(binding, _)| binding.weight).filter_map(|(_, value)| *value);
        let are_weights = weights.all(|value| matches!(self.recorded.origin(value), Origin::Weights(_)));
        if are_weights { self.options.precision } else { Precision::F32 }
    }

    /// Plans the calls anew that can leave their outputs as halves, where everything that reads them wants them so; the
    /// values that they leave so.
    fn narrow(&mut self) -> Vec<Value> {
        let wanted = self.wanted_as_halves();
        let mut narrow = Vec::new();
        for (node, plan) in self.recorded.nodes().iter().zip(&mut self.plans) {
            if !node.outputs().any(|value| wanted.contains(&value)) {
                continue;
            }
            let (variant, precision) = (plan.variant, self.options.precision);
            let Ok(anew) = node.call.plan_leaving(Element::F16, variant, self.device, precision) else { continue };
            let outputs = node.call.family().bindings.iter().zip(&node.operands).zip(&anew.formats);
            let left: Vec<_> = outputs
                .filter(|((binding, _), format)| binding.access == Access::Write && **format == HALVES)
                .filter_map(|((_, value), _)| *value)
                .collect();
            if left.iter().all(|value| wanted.contains(value)) {
                narrow.extend(left);
                *plan = anew;
            }
        }
        narrow
    }

    /// The computed values that are read as halves and as nothing else. Outputs of the graph lie as they were recorded.
    fn wanted_as_halves(&self) -> HashSet<Value> {
        let (mut halves, mut others) = (HashSet::new(), HashSet::new());
        others.extend(self.recorded.outputs());
        for (node, plan) in self.recorded.nodes().iter().zip(&self.plans) {
            for ((binding, value), format) in node.call.family().bindings.iter().zip(&node.operands).zip(&plan.formats)
            {
                if let (Access::Read, Some(value)) = (binding.access, value) {
                    let alike = if *format == HALVES { &mut halves } else { &mut others };
                    alike.insert(*value);
                }
            }
            others.extend(node.updates().flat_map(|(old, new)| [old, new]));
        }
        halves.retain(|value| !others.contains(value) && matches!(self.recorded.origin(*value), Origin::Call(_)));
        halves
    }
}

/// A graph while it is lowered.
struct Lowering<'a> {
    lowered: Lowered,
    /// The copies so far, each by its value, the width of its rows and its format.
    repacked: HashMap<(Value, usize, Format), Value>,
    device: &'a Capabilities,
    options: &'a ExecutorOptions,
}

impl Lowering<'_> {
    fn call(&mut self, recorded: &Graph, node: &Node, plan: Plan) -> Result<()> {
        let first = self.lowered.plans.len();
        let name = name_of(recorded, node);
        let (mut node, shapes) = (node.clone(), node.call.operands());
        for ((format, operand), shape) in plan.formats.iter().zip(&mut node.operands).zip(&shapes) {
            let (Some(value), Some(shape)) = (operand, shape) else { continue };
            let graph = &self.lowered.graph;
            let is_fixed = matches!(graph.origin(*value), Origin::Weights(_) | Origin::Constant(_));
            if *format != Format::rows(graph.element(*value)) && !is_fixed {
                *value = self.repacked(*value, shape, *format).map_err(|error| error.within(name.clone()))?;
            }
        }
        self.lowered.graph.add(node);
        self.lowered.plans.push(plan);
        self.lowered.calls.push(first..self.lowered.plans.len());
        Ok(())
    }

    /// A copy of `value` in `format`, as a call reads it that takes it for one of `shape`.
    fn repacked(&mut self, value: Value, shape: &Shape, format: Format) -> Result<Value> {
        let (columns, inner) = (shape.rows(), shape.last());
        if let Some(copy) = self.repacked.get(&(value, inner, format)) {
            return Ok(*copy);
        }
        let call = Repack { columns, inner, format };
        let graph = &mut self.lowered.graph;
        let name = graph.unused(&format!("{} as {format}", graph.name(value)));
        let plan = self.options.variants.plan(&call, self.device, Precision::F32)?;
        let words = Shape::from([format.words(shape)]);
        let copies = graph.record_reshaping(Arc::new(call), &[Some(value)], &[(&name, words)])?;
        let copy = copies.first().copied().ok_or_else(|| Error::usage(format!("{name} is not computed")))?;
        self.lowered.plans.push(plan);
        self.repacked.insert((value, inner, format), copy);
        Ok(copy)
    }
}

/// The name of what a call computes, for errors.
fn name_of(graph: &Graph, node: &Node) -> String {
    node.outputs().next().map(|value| graph.name(value).to_owned()).unwrap_or_default()
}
