//! What a backward pass computes, before it is recorded.

use std::collections::HashMap;
use std::ops::Range;

use crate::graph::{Graph, Value};
use crate::kernels::{Access, Call, Tape, TapeValue};
use crate::tensor::{Data, Error, Result, Shape, Tensor};

/// A value that is drafted: ones where no drafted call computes it.
struct DraftedValue {
    shape: Shape,
    role: Role,
}

/// What a drafted value is of a recorded one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// Its whole gradient.
    Gradient(Value),
    /// It, computed again.
    Again(Value),
    /// Something on the way to the gradients of the call that computes it, or a part of its own.
    Within(Value),
}

/// A drafted call.
struct DraftedCall {
    call: Call,
    inputs: Vec<Option<TapeValue>>,
    /// Indices among the drafted values.
    outputs: Range<usize>,
}

/// The calls of a backward pass before they are recorded: which of them are of use shows at its end.
///
/// On this tape the values of the graph have their own numbers, and those that are drafted the next ones.
pub(super) struct Draft {
    /// How many values the graph has.
    recorded: usize,
    calls: Vec<DraftedCall>,
    values: Vec<DraftedValue>,
    /// The output of the recorded call on whose account the next calls are drafted.
    pub(super) within: Option<Value>,
}

impl Draft {
    /// Of a graph of so many values.
    pub(super) fn new(recorded: usize) -> Self {
        Self { recorded, calls: Vec::new(), values: Vec::new(), within: None }
    }

    /// The gradient of `value` where it is the loss.
    pub(super) fn ones(&mut self, value: Value, shape: Shape) -> TapeValue {
        self.add(DraftedValue { shape, role: Role::Gradient(value) })
    }

    fn add(&mut self, value: DraftedValue) -> TapeValue {
        self.values.push(value);
        TapeValue(self.recorded + self.values.len() - 1)
    }

    /// The index of a drafted value; `None` for one of the graph.
    fn drafted(&self, value: TapeValue) -> Option<usize> {
        value.0.checked_sub(self.recorded)
    }

    /// Says what a drafted value is, unless that is known. Of several it is the first.
    pub(super) fn name(&mut self, value: TapeValue, role: Role, shape: &Shape) {
        if let Some(index) = self.drafted(value)
            && let drafted = &mut self.values[index]
            && matches!(drafted.role, Role::Within(_))
        {
            (drafted.role, drafted.shape) = (role, shape.clone());
        }
    }

    /// Which drafted calls lead to the values that are `kept`.
    fn used(&self, kept: &[Option<TapeValue>]) -> Vec<bool> {
        let mut needed = vec![false; self.values.len()];
        let need = |needed: &mut [bool], values: &[Option<TapeValue>]| {
            let drafted = values.iter().flatten().filter_map(|value| self.drafted(*value));
            drafted.for_each(|index| needed[index] = true);
        };
        need(&mut needed, kept);
        let mut used = vec![false; self.calls.len()];
        for (index, call) in self.calls.iter().enumerate().rev() {
            if needed[call.outputs.clone()].contains(&true) {
                used[index] = true;
                need(&mut needed, &call.inputs);
            }
        }
        used
    }

    /// Records the calls that lead to the values that are `kept`, and says what those are in the graph.
    pub(super) fn record(&self, graph: &mut Graph, kept: &[Option<TapeValue>]) -> Result<Vec<Option<Value>>> {
        let mut recorded: HashMap<usize, Value> = HashMap::new();
        let used = self.used(kept);
        for (index, call) in self.calls.iter().enumerate().filter(|(index, _)| used[*index]) {
            let mut inputs = Vec::with_capacity(call.inputs.len());
            for input in &call.inputs {
                inputs.push(input.map(|input| self.value(graph, &mut recorded, input)).transpose()?);
            }
            let names = self.names(graph, index);
            let shapes = self.values[call.outputs.clone()].iter().map(|value| value.shape.clone());
            let outputs: Vec<_> = names.iter().map(String::as_str).zip(shapes).collect();
            let values = graph.record_reshaping(call.call.clone(), &inputs, &outputs)?;
            recorded.extend(call.outputs.clone().zip(values));
        }
        let value = |value: &Option<TapeValue>| value.map(|value| self.value(graph, &mut recorded, value)).transpose();
        kept.iter().map(value).collect()
    }

    /// The value of the graph that a value on the tape is. Ones are recorded when they are first read.
    fn value(&self, graph: &mut Graph, recorded: &mut HashMap<usize, Value>, value: TapeValue) -> Result<Value> {
        let Some(index) = self.drafted(value) else { return Ok(Value(value.0)) };
        if let Some(value) = recorded.get(&index) {
            return Ok(*value);
        }
        let DraftedValue { shape, role, .. } = &self.values[index];
        let ones = Tensor::new(shape.clone(), Data::F32(vec![1.0; shape.elements()]))?;
        let name = graph.unused(&role.name(graph));
        let value = graph.constant(&name, ones)?;
        recorded.insert(index, value);
        Ok(value)
    }

    /// Names for the outputs of a drafted call, each of which is new in the graph.
    fn names(&self, graph: &Graph, call: usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for value in &self.values[self.calls[call].outputs.clone()] {
            let base = match value.role {
                Role::Within(_) => format!("{}, {call}.{}", value.role.name(graph), names.len()),
                Role::Gradient(_) | Role::Again(_) => value.role.name(graph),
            };
            names.push(graph.unused(&base));
        }
        names
    }
}

impl Role {
    fn name(self, graph: &Graph) -> String {
        match self {
            Self::Gradient(value) => format!("gradient of {}", graph.name(value)),
            Self::Again(value) => format!("{} again", graph.name(value)),
            Self::Within(value) => format!("backward of {}", graph.name(value)),
        }
    }
}

impl Tape for Draft {
    fn call(&mut self, call: Call, inputs: &[Option<TapeValue>]) -> Result<Vec<TapeValue>> {
        let within = self.within.ok_or_else(|| Error::usage("a call is drafted outside a backward pass"))?;
        let written = call.family().bindings.iter().zip(call.operands());
        let written: Vec<_> = written.filter(|(binding, _)| binding.access.writes()).collect();
        if written.iter().any(|(binding, _)| binding.access == Access::Update) {
            let family = call.family().name;
            return Err(Error::usage(format!("kernel {family} updates, which no gradient does")));
        }
        let first = self.values.len();
        let shapes = written.into_iter().filter_map(|(_, shape)| shape);
        let outputs = shapes.map(|shape| self.add(DraftedValue { shape, role: Role::Within(within) })).collect();
        self.calls.push(DraftedCall { call, inputs: inputs.to_vec(), outputs: first..self.values.len() });
        Ok(outputs)
    }

    fn is_ones(&self, value: TapeValue) -> bool {
        let drafted = self.drafted(value);
        drafted.is_some_and(|index| !self.calls.iter().any(|call| call.outputs.contains(&index)))
    }
}
