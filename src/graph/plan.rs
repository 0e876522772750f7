//! Which values share memory.

use super::{Graph, Node, Origin, Value};

/// A slot of memory for every input and computed value of a graph, shared by values that do not live at the same time.
/// What an update writes takes over the slot of what it replaces; scratch has a slot while its call runs.
///
/// A slot is a buffer of its own: one buffer cannot be bound both to be read and to be written in a dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemoryPlan {
    /// The size of each slot in bytes.
    pub(super) slots: Vec<u64>,
    /// The slot of each value, by the value's index; `None` for weights and constants.
    slot_of: Vec<Option<usize>>,
    /// For each value that updates make of weights: those weights, in whose memory it lies.
    master_of: Vec<Option<Value>>,
    /// The slot of each binding of each call, where the binding is scratch.
    scratch: Vec<Vec<Option<usize>>>,
    /// The last call that needs each value; `None` where it is kept to the end.
    last_use: Vec<Option<usize>>,
}

impl MemoryPlan {
    /// Plans `graph` without scratch. Inputs live from the start, outputs to the end.
    pub(crate) fn new(graph: &Graph) -> Self {
        Self::with_scratch(graph, &vec![Vec::new(); graph.nodes().len()])
    }

    /// As [`new`](Self::new), with this many bytes of scratch for each binding of each call.
    pub(super) fn with_scratch(graph: &Graph, scratch: &[Vec<u64>]) -> Self {
        let values = graph.values().count();
        let mut plan = Self {
            slots: Vec::new(),
            slot_of: vec![None; values],
            master_of: vec![None; values],
            scratch: Vec::new(),
            last_use: last_uses(graph),
        };
        let mut free: Vec<usize> = Vec::new();
        for input in graph.inputs() {
            plan.slot_of[input.0] = Some(plan.take(graph.bytes(input), &mut free));
        }
        for ((call, node), scratch) in graph.nodes().iter().enumerate().zip(scratch) {
            let replaced = plan.hand_over(graph, node);
            for output in node.outputs().filter(|value| !replaced.iter().any(|(_, new)| new == value)) {
                plan.slot_of[output.0] = Some(plan.take(graph.bytes(output), &mut free));
            }
            let scratch: Vec<_> =
                scratch.iter().map(|&bytes| (bytes > 0).then(|| plan.take(bytes, &mut free))).collect();
            let mut ended: Vec<_> =
                node.inputs().chain(node.outputs()).filter(|value| plan.last_use[value.0] == Some(call)).collect();
            ended.retain(|value| !replaced.iter().any(|(old, _)| old == value));
            ended.sort_unstable();
            ended.dedup();
            free.extend(ended.into_iter().filter_map(|value| plan.slot_of[value.0]));
            free.extend(scratch.iter().flatten());
            plan.scratch.push(scratch);
        }
        plan
    }

    /// Gives what a call updates the memory of what it replaces; the pairs, the old value first.
    fn hand_over(&mut self, graph: &Graph, node: &Node) -> Vec<(Value, Value)> {
        let replaced: Vec<_> = node.updates().collect();
        for (old, new) in &replaced {
            self.slot_of[new.0] = self.slot_of[old.0];
            let is_weight = matches!(graph.origin(*old), Origin::Weights(_));
            self.master_of[new.0] = if is_weight { Some(*old) } else { self.master_of[old.0] };
        }
        replaced
    }

    /// The smallest free slot that holds so many bytes, else the largest free one, enlarged, else a new one.
    fn take(&mut self, bytes: u64, free: &mut Vec<usize>) -> usize {
        let fitting = free.iter().enumerate().filter(|(_, slot)| self.slots[**slot] >= bytes);
        let chosen = fitting
            .min_by_key(|(_, slot)| self.slots[**slot])
            .or_else(|| free.iter().enumerate().max_by_key(|(_, slot)| self.slots[**slot]))
            .map(|(index, _)| index);
        let slot = match chosen {
            Some(index) => free.swap_remove(index),
            None => {
                self.slots.push(0);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = self.slots[slot].max(bytes);
        slot
    }

    /// The slot of `value`; `None` for weights, updated weights and constants.
    pub(super) fn slot(&self, value: Value) -> Option<usize> {
        self.slot_of[value.0]
    }

    /// The weights in whose memory `value` lies, where updates make it of them.
    pub(super) fn master_of(&self, value: Value) -> Option<Value> {
        self.master_of[value.0]
    }

    /// The slot of a scratch binding of the call with index `call`.
    pub(super) fn scratch_slot(&self, call: usize, binding: usize) -> Option<usize> {
        self.scratch[call].get(binding).copied().flatten()
    }

    /// Whether `value` is still in its memory when all calls have run.
    #[cfg(test)]
    fn survives(&self, value: Value) -> bool {
        (self.slot(value).is_some() || self.master_of(value).is_some()) && self.last_use[value.0].is_none()
    }

    /// The last call that needs `value`; `None` where it is kept to the end.
    pub(super) fn last_use(&self, value: Value) -> Option<usize> {
        self.last_use[value.0]
    }

    /// Bytes of all slots together.
    pub(crate) fn bytes(&self) -> u64 {
        self.slots.iter().sum()
    }
}

fn last_uses(graph: &Graph) -> Vec<Option<usize>> {
    let mut last_use = vec![None; graph.values().count()];
    for (call, node) in graph.nodes().iter().enumerate() {
        for value in node.inputs().chain(node.outputs()) {
            last_use[value.0] = Some(call);
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
    use crate::kernels::rows::LayerNorm;
    use crate::kernels::weights::SgdStep;
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
        graph.output(value).unwrap();
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

    #[test]
    fn an_update_takes_over_what_it_replaces() {
        let mut graph = Graph::new();
        let [x, gradient] = ["x", "gradient"].map(|name| graph.input(name, [4, 8], Element::F32).unwrap());
        let rate = graph.input("rate", [1], Element::F32).unwrap();
        let weight = graph.weights(&["weight".to_owned()], [4, 8]).unwrap();
        let mut step = |value, name| {
            let call = SgdStep::new(4, 8);
            graph.call(call, &[Some(gradient), Some(rate), Some(value), None], name, [4, 8]).unwrap()
        };
        let (first, stepped) = (step(x, "first"), step(weight, "stepped"));
        let again = step(stepped, "again");
        let call = LayerNorm { rows: 4, width: 8, epsilon: 1e-6 };
        let [scale, bias] = ["scale", "bias"].map(|name| graph.weights(&[name.to_owned()], [8]).unwrap());
        let normal = graph.call(call, &[Some(first), Some(scale), Some(bias)], "normal", [4, 8]).unwrap();
        graph.output(normal).unwrap();
        graph.output(again).unwrap();
        let plan = MemoryPlan::new(&graph);
        assert_eq!(plan.slot(first), plan.slot(x));
        assert_ne!(plan.slot(normal), plan.slot(first));
        assert_eq!([stepped, again].map(|value| (plan.slot(value), plan.master_of(value))), [(None, Some(weight)); 2]);
        assert!(plan.survives(again) && !plan.survives(stepped) && plan.master_of(weight).is_none());
    }

    #[test]
    fn scratch_has_a_slot_while_its_call_runs() {
        let graph = chain(3);
        let plan = MemoryPlan::with_scratch(&graph, &[vec![], vec![0, 0, 0, 500], vec![0, 0, 0, 300]]);
        assert_eq!((plan.scratch_slot(0, 3), plan.scratch_slot(1, 2)), (None, None));
        let scratch = plan.scratch_slot(1, 3).unwrap();
        let [y0, y1] = ["y0", "y1"].map(|name| plan.slot(graph.find(name).unwrap()).unwrap());
        assert!(scratch != y0 && scratch != y1 && plan.slots[scratch] == 500);
        // Afterwards it is anybody's: the next call's.
        assert_eq!((plan.scratch_slot(2, 3), plan.slots.len()), (Some(scratch), 3));
    }
}
