//! Runs a graph's naive references on the host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::memory::Content;
use super::{Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Memory, Origin, Plan, Value, feed_of};
use crate::gpu::DeviceId;
use crate::tensor::{Error, Exact, Format, Result, Shape, Tensor};

/// The naive references as a device: plain loops in f64, rounded where a value is handed out. Slow, and right.
#[derive(Debug)]
pub(super) struct References {
    id: DeviceId,
}

const NAME: &str = "the references";

impl References {
    pub(super) fn new() -> Self {
        Self { id: DeviceId::next() }
    }

    fn memory(&self, exact: Exact) -> Result<Memory> {
        memory(self.id, Arc::new(exact))
    }
}

fn memory(device: DeviceId, exact: Arc<Exact>) -> Result<Memory> {
    Ok(Memory::new(device, exact.shape().clone(), Format::rows(exact.element()), Content::Exact(exact)))
}

impl Backend for References {
    fn id(&self) -> DeviceId {
        self.id
    }

    fn name(&self) -> &str {
        NAME
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
        weights.masters(&graph)?;
        Ok(Box::new(ReferenceExecutor {
            device: self.id,
            plan: Plan::new(&graph),
            graph,
            weights: weights.clone(),
            outputs: HashMap::new(),
        }))
    }

    fn upload(&self, _: &str, tensor: Tensor, _: Format) -> Result<Memory> {
        self.memory(Exact::from(&tensor))
    }

    fn read(&self, memory: &Memory) -> Result<Tensor> {
        memory.check(self.id, NAME)?;
        memory.exact()?.rounded()
    }

    fn join(&self, parts: &[Memory], shape: &Shape) -> Result<Memory> {
        parts.iter().try_for_each(|part| part.check(self.id, NAME))?;
        let parts: Vec<_> = parts.iter().map(|part| part.exact().map(|exact| &**exact)).collect::<Result<_>>()?;
        self.memory(Exact::joined(&parts, shape)?)
    }
}

/// Runs every call by its naive reference.
struct ReferenceExecutor {
    device: DeviceId,
    graph: Arc<Graph>,
    plan: Plan,
    weights: DeviceWeights,
    /// Of what was last computed.
    outputs: HashMap<Value, Arc<Exact>>,
}

impl ReferenceExecutor {
    fn source(&self, feeds: &[(&str, Feed<'_>)], value: Value) -> Result<Arc<Exact>> {
        let exact = match self.graph.origin(value) {
            Origin::Weights(parts) => match self.weights.updated(parts) {
                Some(memory) => (**memory.exact()?).clone().reshaped(self.graph.shape(value).clone())?,
                None => Exact::from(&self.weights.stacked(parts, self.graph.shape(value))?),
            },
            Origin::Constant(tensor) => Exact::from(&**tensor),
            Origin::Input => match feed_of(&self.graph, feeds, value)? {
                Feed::Host(tensor) => Exact::from(tensor),
                Feed::Device(memory) => {
                    memory.check(self.device, NAME)?;
                    return memory.exact().cloned();
                }
            },
            Origin::Call(_) => {
                return Err(Error::usage(format!("{} is used before it is computed", self.graph.name(value))));
            }
        };
        Ok(Arc::new(exact))
    }

    /// Computes everything, and returns the values that are `wanted` and those that survive.
    fn values(&self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<HashMap<Value, Arc<Exact>>> {
        let mut alive: HashMap<Value, Arc<Exact>> = HashMap::new();
        let mut kept = HashMap::new();
        for (place, node) in self.graph.nodes().iter().enumerate() {
            for value in node.inputs() {
                if let Entry::Vacant(place) = alive.entry(value) {
                    place.insert(self.source(feeds, value)?);
                }
            }
            let exact = |value: Option<Value>| value.and_then(|value| alive.get(&value)).map(|exact| &**exact);
            let inputs: Vec<_> = node.given().map(exact).collect();
            let name = || node.outputs().next().map(|value| self.graph.name(value).to_owned()).unwrap_or_default();
            let outputs = node.call.reference(&inputs).map_err(|error| error.within(name()))?;
            for (value, exact) in node.outputs().zip(outputs) {
                let exact = Arc::new(exact.reshaped(self.graph.shape(value).clone())?);
                if let Some(parts) = self.plan.weights(value).and_then(|weights| self.graph.parts(weights)) {
                    self.weights.replace(parts, memory(self.device, exact.clone())?);
                }
                alive.insert(value, exact);
            }
            let over = |value: &Value| match self.graph.origin(*value) {
                Origin::Weights(_) | Origin::Constant(_) => true,
                _ => self.plan.last_use(*value) == Some(place),
            };
            let ended: Vec<_> = alive.keys().copied().filter(|value| over(value)).collect();
            for value in ended {
                if let Some(exact) = alive.remove(&value)
                    && wanted.contains(&value)
                {
                    kept.insert(value, exact);
                }
            }
        }
        kept.extend(alive);
        Ok(kept)
    }

    fn unknown(&self, value: Value) -> Error {
        Error::usage(format!("{} is not computed by this graph", self.graph.name(value)))
    }
}

impl Executor for ReferenceExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        vec!["reference"; self.graph.nodes().len()]
    }

    fn compute(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<()> {
        self.outputs = self.values(feeds, &[])?;
        Ok(())
    }

    fn keep(&self, value: Value) -> Result<Memory> {
        memory(self.device, self.outputs.get(&value).ok_or_else(|| self.unknown(value))?.clone())
    }

    fn run(&mut self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<Vec<Tensor>> {
        let values = self.values(feeds, wanted)?;
        wanted.iter().map(|value| values.get(value).ok_or_else(|| self.unknown(*value))?.rounded()).collect()
    }
}
