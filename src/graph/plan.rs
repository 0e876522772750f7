//! Which values share memory.

use super::{Graph, Origin, Value};

/// A slot of memory for every input and computed value of a graph, shared by values that do not live at the same time.
///
/// A slot is a buffer of its own: one buffer cannot be bound both to be read and to be written in a dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The size of each slot in bytes.
    pub slots: Vec<u64>,
    /// The slot of each value, by the value's place; `None` for weights and constants.
    slot_of: Vec<Option<usize>>,
    /// The last call that needs each value; `None` where it is kept to the end.
    last_use: Vec<Option<usize>>,
}

impl MemoryPlan {
    /// Plans `graph`. Inputs live from the start, outputs to the end.
    pub fn new(graph: &Graph) -> Self {
        let values = graph.values().count();
        let mut plan = Self { slots: Vec::new(), slot_of: vec![None; values], last_use: last_uses(graph) };
        let mut free: Vec<usize> = Vec::new();
        for input in graph.inputs() {
            plan.place(graph, input, &mut free);
        }
        for (place, node) in graph.nodes().iter().enumerate() {
            for output in node.outputs() {
                plan.place(graph, output, &mut free);
            }
            let mut ended: Vec<_> =
                node.inputs().chain(node.outputs()).filter(|value| plan.last_use[value.0] == Some(place)).collect();
            ended.sort_unstable();
            ended.dedup();
            free.extend(ended.into_iter().filter_map(|value| plan.slot_of[value.0]));
        }
        plan
    }

    /// Gives `value` the smallest free slot that holds it, else enlarges the largest free one, else a new one.
    fn place(&mut self, graph: &Graph, value: Value, free: &mut Vec<usize>) {
        let bytes = graph.bytes(value);
        let fitting = free.iter().enumerate().filter(|(_, slot)| self.slots[**slot] >= bytes);
        let chosen = fitting
            .min_by_key(|(_, slot)| self.slots[**slot])
            .or_else(|| free.iter().enumerate().max_by_key(|(_, slot)| self.slots[**slot]))
            .map(|(place, _)| place);
        let slot = match chosen {
            Some(place) => free.swap_remove(place),
            None => {
                self.slots.push(0);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = self.slots[slot].max(bytes);
        self.slot_of[value.0] = Some(slot);
    }

    /// The slot of `value`; `None` for weights and constants.
    pub fn slot(&self, value: Value) -> Option<usize> {
        self.slot_of[value.0]
    }

    /// Whether `value` is still in its slot when all calls have run.
    pub fn survives(&self, value: Value) -> bool {
        self.slot(value).is_some() && self.last_use[value.0].is_none()
    }

    /// The last call that needs `value`; `None` where it is kept to the end.
    pub fn last_use(&self, value: Value) -> Option<usize> {
        self.last_use[value.0]
    }

    /// Bytes of all slots together.
    pub fn bytes(&self) -> u64 {
        self.slots.iter().sum()
    }
}

fn last_uses(graph: &Graph) -> Vec<Option<usize>> {
    let mut last_use = vec![None; graph.values().count()];
    for (place, node) in graph.nodes().iter().enumerate() {
        for value in node.inputs().chain(node.outputs()) {
            last_use[value.0] = Some(place);
        }
    }
    for value in graph.outputs() {
        last_use[value.0] = None;
    }
    for value in graph.values() {
        if matches!(graph.origin(value), Origin::Weights(_) | Origin::Constant(_)) {
            last_use[value.0] = None;
        }
    }
    last_use
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::rows::layer_norm::LayerNorm;
    use crate::tensor::Element;

    /// A chain of normalisations: only two slots are ever alive.
    fn chain(length: usize) -> Graph {
        let mut graph = Graph::new();
        let mut value = graph.input("x", [4, 8], Element::F32).unwrap();
        let scale = graph.weights(&["scale".to_owned()], [8]).unwrap();
        let bias = graph.weights(&["bias".to_owned()], [8]).unwrap();
        for step in 0..length {
            let call = LayerNorm { rows: 4, width: 8, epsilon: 1e-6 };
            value = graph.call(call, &[Some(value), Some(scale), Some(bias)], &format!("y{step}"), [4, 8]).unwrap();
        }
        graph.output(value);
        graph
    }

    #[test]
    fn a_chain_alternates_between_two_slots() {
        let graph = chain(5);
        let plan = MemoryPlan::new(&graph);
        assert_eq!(plan.slots, [128, 128]);
        for node in graph.nodes() {
            let written: Vec<_> = node.outputs().map(|value| plan.slot(value)).collect();
            assert!(node.inputs().filter_map(|value| plan.slot(value)).all(|slot| !written.contains(&Some(slot))));
        }
    }

    #[test]
    fn outputs_survive_and_intermediates_do_not() {
        let graph = chain(3);
        let plan = MemoryPlan::new(&graph);
        assert!(plan.survives(graph.find("y2").unwrap()));
        assert!(!plan.survives(graph.find("y0").unwrap()));
        assert_eq!(plan.slot(graph.find("scale").unwrap()), None);
    }
}
