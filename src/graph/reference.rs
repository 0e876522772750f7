//! Runs a graph's naive references on the host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::weights::stacked;
use super::{Executor, Feed, Graph, Origin, Plan, Value, Weights, feed_of};
use crate::kernels::Access;
use crate::tensor::{Error, Exact, Result, Tensor};

/// Runs every call by its naive reference: plain loops in f64, rounded where a value is handed out. Slow, and right.
pub struct ReferenceExecutor {
    graph: Arc<Graph>,
    plan: Plan,
    weights: Arc<dyn Weights>,
}

impl ReferenceExecutor {
    /// Prepares `graph` with `weights`.
    pub fn new(graph: Arc<Graph>, weights: Arc<dyn Weights>) -> Self {
        let plan = Plan::new(&graph);
        Self { graph, plan, weights }
    }

    fn source(&self, feeds: &[(&str, Feed<'_>)], value: Value) -> Result<Exact> {
        match self.graph.origin(value) {
            Origin::Weights(parts) => Ok(Exact::from(&stacked(&*self.weights, parts, self.graph.shape(value))?)),
            Origin::Constant(tensor) => Ok(Exact::from(&**tensor)),
            Origin::Input => match feed_of(&self.graph, feeds, value)? {
                Feed::Host(tensor) => Ok(Exact::from(tensor)),
                Feed::Device(_) => Err(Error::usage("the reference executor takes inputs from host memory only")),
            },
            Origin::Call(_) => Err(Error::usage(format!("{} is used before it is computed", self.graph.name(value)))),
        }
    }
}

impl Executor for ReferenceExecutor {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn run(&mut self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<Vec<Tensor>> {
        let mut alive: HashMap<Value, Exact> = HashMap::new();
        let mut kept: HashMap<Value, Exact> = HashMap::new();
        for (place, node) in self.graph.nodes().iter().enumerate() {
            for value in node.inputs() {
                if let Entry::Vacant(place) = alive.entry(value) {
                    place.insert(self.source(feeds, value)?);
                }
            }
            let bindings = node.call.family().bindings.iter().zip(&node.operands);
            let inputs: Vec<_> = bindings
                .filter(|(binding, _)| binding.access == Access::Read)
                .map(|(_, value)| value.and_then(|value| alive.get(&value)))
                .collect();
            let name = || node.outputs().next().map(|value| self.graph.name(value).to_owned()).unwrap_or_default();
            let outputs = node.call.reference(&inputs).map_err(|error| error.within(name()))?;
            for (value, tensor) in node.outputs().zip(outputs) {
                alive.insert(value, tensor.reshaped(self.graph.shape(value).clone())?);
            }
            let over = |value: &Value| match self.graph.origin(*value) {
                Origin::Weights(_) | Origin::Constant(_) => true,
                _ => self.plan.last_use(*value) == Some(place),
            };
            let ended: Vec<_> = alive.keys().copied().filter(|value| over(value)).collect();
            for value in ended {
                if let Some(tensor) = alive.remove(&value)
                    && wanted.contains(&value)
                {
                    kept.insert(value, tensor);
                }
            }
        }
        kept.extend(alive);
        wanted
            .iter()
            .map(|value| {
                let missing = || Error::usage(format!("{} is not computed by this graph", self.graph.name(*value)));
                kept.get(value).ok_or_else(missing)?.rounded()
            })
            .collect()
    }
}
