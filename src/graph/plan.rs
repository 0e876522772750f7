//! Which values share memory.

use std::ops::RangeInclusive;

use super::{Graph, Origin, Value};

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
    ///
    /// The largest is placed first, each into the smallest slot that is free for as long as it lives (Pisarchyk and Lee,
    /// 2020): what is small and stays, such as the gradient of a bias, never takes a large slot from what would need it.
    pub(super) fn with_scratch(graph: &Graph, scratch: &[Vec<u64>]) -> Self {
        let values = graph.values().count();
        let mut plan = Self {
            slots: Vec::new(),
            slot_of: vec![None; values],
            master_of: vec![None; values],
            scratch: scratch.iter().map(|bindings| vec![None; bindings.len()]).collect(),
            last_use: last_uses(graph),
        };
        let mut tenants = plan.tenants(graph, scratch);
        tenants.sort_by_key(|tenant| std::cmp::Reverse(tenant.bytes));
        let mut lives: Vec<Vec<RangeInclusive<usize>>> = Vec::new();
        for tenant in tenants {
            let free = |slot: &usize| lives[*slot].iter().all(|life| !overlap(life, &tenant.life));
            let found = (0..lives.len()).filter(free).min_by_key(|slot| plan.slots[*slot]);
            let slot = found.unwrap_or_else(|| {
                plan.slots.push(tenant.bytes);
                lives.push(Vec::new());
                lives.len() - 1
            });
            lives[slot].push(tenant.life);
            tenant.values.iter().for_each(|value| plan.slot_of[value.0] = Some(slot));
            if let Some((call, binding)) = tenant.scratch {
                plan.scratch[call][binding] = Some(slot);
            }
        }
        plan
    }

    /// All that needs memory. What an update writes lives on in the memory of what it replaces.
    fn tenants(&mut self, graph: &Graph, scratch: &[Vec<u64>]) -> Vec<Tenant> {
        let end = graph.nodes().len();
        let mut tenants = Vec::new();
        let mut tenant_of: Vec<Option<usize>> = vec![None; self.slot_of.len()];
        let from = |plan: &Self, value: Value, first: usize| {
            let life = first..=plan.last_use[value.0].unwrap_or(end);
            Tenant { bytes: graph.bytes(value), life, values: vec![value], scratch: None }
        };
        for input in graph.inputs() {
            tenant_of[input.0] = Some(tenants.len());
            tenants.push(from(self, input, 0));
        }
        for ((call, node), scratch) in graph.nodes().iter().enumerate().zip(scratch) {
            let replaced: Vec<_> = node.updates().collect();
            for (old, new) in &replaced {
                let is_weight = matches!(graph.origin(*old), Origin::Weights(_));
                self.master_of[new.0] = if is_weight { Some(*old) } else { self.master_of[old.0] };
                tenant_of[new.0] = tenant_of[old.0];
                if let Some(tenant) = tenant_of[old.0].map(|index: usize| &mut tenants[index]) {
                    tenant.life = *tenant.life.start()..=self.last_use[new.0].unwrap_or(end);
                    tenant.values.push(*new);
                }
            }
            for output in node.outputs().filter(|value| !replaced.iter().any(|(_, new)| new == value)) {
                tenant_of[output.0] = Some(tenants.len());
                tenants.push(from(self, output, call));
            }
            let needed = scratch.iter().enumerate().filter(|(_, bytes)| **bytes > 0);
            tenants.extend(needed.map(|(binding, &bytes)| Tenant {
                bytes,
                life: call..=call,
                values: Vec::new(),
                scratch: Some((call, binding)),
            }));
        }
        tenants
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

/// What needs memory from one call to another, both included.
struct Tenant {
    bytes: u64,
    life: RangeInclusive<usize>,
    /// The values, of which each replaces the one before it; none for scratch.
    values: Vec<Value>,
    /// The call and the binding that it is scratch of.
    scratch: Option<(usize, usize)>,
}

fn overlap(one: &RangeInclusive<usize>, other: &RangeInclusive<usize>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
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
    use crate::kernels::rows::{ColumnSum, LayerNorm, Softmax};
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

    /// What is small and stays leaves the memory of what is large and gone to what is large and comes.
    #[test]
    fn what_stays_takes_no_large_slot() {
        let mut graph = Graph::new();
        let x = graph.input("x", [64, 8], Element::F32).unwrap();
        let mut value = x;
        for step in 0..6 {
            let call = Softmax { rows: 64, width: 8 };
            value = graph.call(call, &[Some(value)], &format!("y{step}"), [64, 8]).unwrap();
            let sum = ColumnSum { rows: 64, width: 8 };
            let sum = graph.call(sum, &[Some(value)], &format!("sum{step}"), [8]).unwrap();
            graph.output(sum).unwrap();
        }
        assert_eq!(MemoryPlan::new(&graph).bytes(), 4 * (2 * 64 * 8 + 5 * 8));
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
