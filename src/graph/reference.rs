//! Runs a graph's naive references on the host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::memory::Content;
use super::{
    Backend, DeviceWeights, Executor, ExecutorOptions, Feed, Feeds, Graph, Memory, MemoryPlan, Origin, Value, feed_of,
};
use crate::gpu::{DeviceId, Pending};
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

    fn joined(&self, parts: &[Memory], shape: &Shape) -> Result<Memory> {
        parts.iter().try_for_each(|part| part.check(self.id, NAME))?;
        let parts: Vec<_> = parts.iter().map(|part| part.exact().map(|exact| &**exact)).collect::<Result<_>>()?;
        Ok(memory(self.id, Arc::new(Exact::joined(&parts, shape)?)))
    }
}

fn memory(device: DeviceId, exact: Arc<Exact>) -> Memory {
    Memory::new(device, exact.shape().clone(), Format::rows(exact.element()), Content::Exact(exact))
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

    fn prepare<'a>(
        &'a self,
        graph: Arc<Graph>,
        weights: &'a DeviceWeights,
        options: &'a ExecutorOptions,
    ) -> Pending<'a, Box<dyn Executor>> {
        Pending::new(async move {
            self.check_options(options)?;
            weights.check(self.id, NAME)?;
            weights.masters(&graph).await?;
            let (device, plan, weights) = (self.id, MemoryPlan::new(&graph), weights.clone());
            let updates_weights = graph.values().any(|value| plan.master_of(value).is_some());
            let executor = ReferenceExecutor { device, plan, updates_weights, graph, weights };
            Ok(Box::new(executor) as Box<dyn Executor>)
        })
    }

    fn upload<'a>(&'a self, _: &'a str, tensor: Tensor, _: Format) -> Pending<'a, Memory> {
        Pending::ready(Ok(memory(self.id, Arc::new(Exact::from(&tensor)))))
    }

    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor> {
        let exact = memory.check(self.id, NAME).and_then(|()| memory.exact());
        Pending::ready(exact.and_then(|exact| exact.rounded()))
    }

    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory> {
        Pending::ready(self.joined(parts, shape))
    }
}

/// Runs every call by its naive reference.
struct ReferenceExecutor {
    device: DeviceId,
    graph: Arc<Graph>,
    plan: MemoryPlan,
    updates_weights: bool,
    weights: DeviceWeights,
}

impl ReferenceExecutor {
    /// The weights that updates have changed, as they are now.
    fn updated(&self) -> HashMap<Value, Memory> {
        let updates = self.weights.updates();
        let rows = |value| Some((value, updates.rows(self.graph.parts(value)?)?.clone()));
        self.graph.values().filter_map(rows).collect()
    }

    fn source(&self, feeds: &Feeds<'_>, updated: &HashMap<Value, Memory>, value: Value) -> Result<Arc<Exact>> {
        let exact = match self.graph.origin(value) {
            Origin::Weights(parts) => match updated.get(&value) {
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

    /// Computes everything, and returns the `wanted` values.
    fn values(&self, feeds: &Feeds<'_>, wanted: &[Value]) -> Result<Vec<Arc<Exact>>> {
        // A pass sees whole steps: one that only reads lets the next step begin once it has the weights.
        let stepping = self.weights.stepping();
        let updated = self.updated();
        let _stepping = self.updates_weights.then_some(stepping);
        let mut alive: HashMap<Value, Arc<Exact>> = HashMap::new();
        let mut kept = HashMap::new();
        for (call, node) in self.graph.nodes().iter().enumerate() {
            for value in node.inputs() {
                if let Entry::Vacant(entry) = alive.entry(value) {
                    entry.insert(self.source(feeds, &updated, value)?);
                }
            }
            let exact = |value: Option<Value>| value.and_then(|value| alive.get(&value)).map(|exact| &**exact);
            let inputs: Vec<_> = node.given().map(exact).collect();
            let name = || node.outputs().next().map(|value| self.graph.name(value).to_owned()).unwrap_or_default();
            let outputs = node.call.reference(&inputs).map_err(|error| error.within(name()))?;
            for (value, exact) in node.outputs().zip(outputs) {
                let exact = Arc::new(exact.reshaped(self.graph.shape(value).clone())?);
                if let Some(parts) = self.plan.master_of(value).and_then(|weights| self.graph.parts(weights)) {
                    self.weights.updates().replace(parts, memory(self.device, exact.clone()));
                }
                alive.insert(value, exact);
            }
            let over = |value: &Value| match self.graph.origin(*value) {
                Origin::Weights(_) | Origin::Constant(_) => true,
                _ => self.plan.last_use(*value) == Some(call),
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
        let unknown = |value| Error::usage(format!("{} is not computed by this graph", self.graph.name(value)));
        wanted.iter().map(|value| kept.get(value).cloned().ok_or_else(|| unknown(*value))).collect()
    }
}

impl std::fmt::Debug for ReferenceExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReferenceExecutor").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Executor for ReferenceExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn implementations(&self) -> Vec<&'static str> {
        vec!["reference"; self.graph.nodes().len()]
    }

    fn value_bytes(&self) -> u64 {
        0
    }

    fn compute<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Memory>> {
        Pending::new(async move {
            let values = self.values(feeds, wanted)?;
            Ok(values.into_iter().map(|exact| memory(self.device, exact)).collect())
        })
    }

    fn compute_timed<'a>(&'a self, feeds: &'a Feeds<'a>) -> Pending<'a, Vec<Duration>> {
        Pending::new(async move { self.values(feeds, &[]).map(|_| Vec::new()) })
    }

    fn run<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Tensor>> {
        Pending::new(async move { self.values(feeds, wanted)?.iter().map(|exact| exact.rounded()).collect() })
    }
}
