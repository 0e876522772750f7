//! The graph itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::kernels::{Access, Call, Cost, Kernel};
use crate::tensor::{Element, Error, Format, Result, Shape, Tensor};

/// A value of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(super) usize);

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Fed on every run.
    Input,
    /// Fixed data recorded with the graph: a table.
    Constant(Arc<Tensor>),
    /// Weights: the named tensors, stacked along their first axis.
    Weights(Vec<String>),
    /// Computed by the call at this place.
    Call(usize),
}

/// One recorded kernel call.
#[derive(Clone, Debug)]
pub struct Node {
    /// The kernel and its sizes.
    pub call: Call,
    /// What each binding of the kernel reads or writes, in order; `None` where the call leaves an input out.
    pub operands: Vec<Option<Value>>,
}

impl Node {
    /// The values it reads.
    pub fn inputs(&self) -> impl Iterator<Item = Value> + '_ {
        self.with(Access::Read)
    }

    /// The values it writes.
    pub fn outputs(&self) -> impl Iterator<Item = Value> + '_ {
        self.with(Access::Write)
    }

    fn with(&self, access: Access) -> impl Iterator<Item = Value> + '_ {
        let bindings = self.call.family().bindings.iter();
        bindings
            .zip(&self.operands)
            .filter(move |(binding, _)| binding.access == access)
            .filter_map(|(_, value)| *value)
    }
}

/// Which values are wanted beside a graph's outputs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Taps {
    /// None: every call may be fused.
    #[default]
    None,
    /// Those with these names.
    Names(BTreeSet<String>),
    /// Every one that has a name.
    All,
}

impl Taps {
    /// Whether the value called `name` is wanted.
    pub fn want(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Names(names) => names.contains(name),
            Self::All => true,
        }
    }
}

#[derive(Clone, Debug)]
struct ValueRecord {
    name: String,
    shape: Shape,
    element: Element,
    origin: Origin,
}

/// Kernel calls on named values, in an order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<ValueRecord>,
    nodes: Vec<Node>,
    outputs: Vec<Value>,
    names: HashMap<String, Value>,
}

impl Graph {
    /// A graph without calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that is fed on every run.
    pub fn input(&mut self, name: &str, shape: impl Into<Shape>, element: Element) -> Result<Value> {
        self.record(name, shape.into(), element, Origin::Input)
    }

    /// Fixed data.
    pub fn constant(&mut self, name: &str, tensor: Tensor) -> Result<Value> {
        let (shape, element) = (tensor.shape().clone(), tensor.element());
        self.record(name, shape, element, Origin::Constant(Arc::new(tensor)))
    }

    /// Weights of `shape`: the tensors called `parts`, stacked along their first axis. Asked for twice, it is one value.
    pub fn weights(&mut self, parts: &[String], shape: impl Into<Shape>) -> Result<Value> {
        let (name, shape) = (parts.join(" + "), shape.into());
        match self.names.get(&name) {
            None => self.record(&name, shape, Element::F32, Origin::Weights(parts.to_vec())),
            Some(value) if *self.shape(*value) == shape => Ok(*value),
            Some(value) => {
                let known = self.shape(*value);
                Err(Error::usage(format!("weights {name} are {known} in one place and {shape} in another")))
            }
        }
    }

    /// Records a call of a kernel with one output, which gets `name` and `shape` (the kernel's own rows, regrouped).
    ///
    /// `inputs` are what its read bindings take, in order, `None` where left out. An error where a shape is not what the
    /// kernel wants, or the kernel rejects its sizes.
    pub fn call(
        &mut self,
        kernel: impl Kernel + 'static,
        inputs: &[Option<Value>],
        name: &str,
        shape: impl Into<Shape>,
    ) -> Result<Value> {
        match self.call_many(kernel, inputs, &[(name, shape.into())])?.as_slice() {
            [value] => Ok(*value),
            values => Err(Error::usage(format!("{name}: {} outputs instead of one", values.len()))),
        }
    }

    /// Records a call like [`call`](Self::call) of a kernel with several outputs: those that the call has, in the order of
    /// its bindings, get these names and shapes.
    pub fn call_many(
        &mut self,
        kernel: impl Kernel + 'static,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        self.record_call(Arc::new(kernel), inputs, outputs)
    }

    /// Records a call of any kernel, as [`call_many`](Self::call_many) does.
    pub fn record_call(
        &mut self,
        call: Call,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        let name = outputs.first().map_or("a call without outputs", |(name, _)| *name);
        let place = |error: Error| error.within(format!("{name} ({})", call.family().name));
        call.validate().map_err(place)?;
        let mut given = inputs.iter().copied();
        let mut operands = Vec::new();
        let mut wanted_outputs = Vec::new();
        for (binding, wanted) in call.family().bindings.iter().zip(call.operands()) {
            match binding.access {
                Access::Read => {
                    let value = given.next().flatten();
                    self.check_operand(binding.name, binding.element, value, wanted.as_ref()).map_err(place)?;
                    operands.push(value);
                }
                Access::Write => {
                    wanted_outputs.extend(wanted.map(|wanted| (operands.len(), wanted, binding.element)));
                    operands.push(None);
                }
            }
        }
        if given.next().is_some() {
            return Err(place(Error::usage(format!("{} inputs are more than it reads", inputs.len()))));
        }
        self.check_outputs(&wanted_outputs, outputs).map_err(place)?;
        let mut values = Vec::new();
        for ((operand, _, element), (name, shape)) in wanted_outputs.into_iter().zip(outputs) {
            let value = self.record(name, shape.clone(), element, Origin::Call(self.nodes.len()))?;
            operands[operand] = Some(value);
            values.push(value);
        }
        self.nodes.push(Node { call, operands });
        Ok(values)
    }

    /// Before anything is recorded: what is refused leaves the graph as it was.
    fn check_outputs(&self, wanted: &[(usize, Shape, Element)], named: &[(&str, Shape)]) -> Result<()> {
        if wanted.len() != named.len() || named.is_empty() {
            return Err(Error::usage(format!("the call has {} outputs, {} are named", wanted.len(), named.len())));
        }
        for (place, ((_, wanted, _), (name, shape))) in wanted.iter().zip(named).enumerate() {
            if wanted.elements() != shape.elements() {
                return Err(Error::usage(format!("output {name} has shape {wanted}, not {shape}")));
            }
            self.check_name(name)?;
            if named[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::usage(format!("two outputs are called {name}")));
            }
        }
        Ok(())
    }

    fn check_operand(
        &self,
        binding: &str,
        element: Element,
        value: Option<Value>,
        wanted: Option<&Shape>,
    ) -> Result<()> {
        match (value, wanted) {
            (None, None) => Ok(()),
            (None, Some(wanted)) => Err(Error::usage(format!("{binding} {wanted} is not given"))),
            (Some(_), None) => Err(Error::usage(format!("{binding} is given, but this call leaves it out"))),
            (Some(value), Some(wanted)) => {
                let (shape, own) = (self.shape(value), self.element(value));
                if own != element || !shape.regroups(wanted) {
                    return Err(Error::usage(format!(
                        "{binding} wants {wanted} of {element:?}, but {} is {shape} of {own:?}",
                        self.name(value)
                    )));
                }
                Ok(())
            }
        }
    }

    /// Makes `value` an output: it is still there when a run ends.
    pub fn output(&mut self, value: Value) {
        if !self.outputs.contains(&value) {
            self.outputs.push(value);
        }
    }

    fn check_name(&self, name: &str) -> Result<()> {
        match self.names.contains_key(name) {
            true => Err(Error::usage(format!("two values of a graph are called {name}"))),
            false => Ok(()),
        }
    }

    fn record(&mut self, name: &str, shape: Shape, element: Element, origin: Origin) -> Result<Value> {
        self.check_name(name)?;
        let value = Value(self.values.len());
        self.names.insert(name.to_owned(), value);
        self.values.push(ValueRecord { name: name.to_owned(), shape, element, origin });
        Ok(value)
    }

    /// All values, in the order of recording.
    pub fn values(&self) -> impl Iterator<Item = Value> + use<> {
        (0..self.values.len()).map(Value)
    }

    /// The calls, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The values that are still there when a run ends.
    pub fn outputs(&self) -> &[Value] {
        &self.outputs
    }

    /// The value called `name`.
    pub fn find(&self, name: &str) -> Option<Value> {
        self.names.get(name).copied()
    }

    /// The name of a value.
    pub fn name(&self, value: Value) -> &str {
        &self.values[value.0].name
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> &Shape {
        &self.values[value.0].shape
    }

    /// The element type of a value.
    pub fn element(&self, value: Value) -> Element {
        self.values[value.0].element
    }

    /// Size of a value in bytes.
    pub fn bytes(&self, value: Value) -> u64 {
        Format::rows(self.element(value)).bytes(self.shape(value)) as u64
    }

    /// Where a value comes from.
    pub fn origin(&self, value: Value) -> &Origin {
        &self.values[value.0].origin
    }

    /// The same values and outputs before any call.
    pub(super) fn without_calls(&self) -> Self {
        Self { nodes: Vec::new(), ..self.clone() }
    }

    /// Adds a call of another graph of the same values.
    pub(super) fn add(&mut self, node: Node) {
        for output in node.outputs() {
            self.values[output.0].origin = Origin::Call(self.nodes.len());
        }
        self.nodes.push(node);
    }

    /// The values that are fed.
    pub fn inputs(&self) -> impl Iterator<Item = Value> + '_ {
        self.values().filter(|value| *self.origin(*value) == Origin::Input)
    }

    /// The values that calls compute: those that can be tapped.
    pub fn computed(&self) -> impl Iterator<Item = Value> + '_ {
        self.values().filter(|value| matches!(self.origin(*value), Origin::Call(_)))
    }

    /// Multiply-accumulates of all products of matrices; what is done element by element is not counted.
    pub fn multiply_accumulates(&self) -> u64 {
        self.nodes.iter().map(|node| node.call.multiply_accumulates()).sum()
    }

    /// What all calls cost together.
    pub fn cost(&self) -> Cost {
        self.nodes.iter().map(|node| node.call.cost()).fold(Cost::default(), |sum, cost| sum + cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::{Attention, Mask, Qkv, Sequences};
    use crate::kernels::rows::layer_norm::LayerNorm;

    const CALL: LayerNorm = LayerNorm { rows: 2, width: 3, epsilon: 1e-6 };

    fn recorded() -> (Graph, [Option<Value>; 3]) {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 3], Element::F32).unwrap();
        let weights = graph.weights(&["w".to_owned()], [3]).unwrap();
        (graph, [Some(x), Some(weights), Some(weights)])
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_the_graph_as_it_was() {
        let (mut graph, inputs) = recorded();
        let values = graph.values().count();
        let narrow = LayerNorm { width: 2, ..CALL };
        assert!(graph.call(narrow, &inputs, "y", [2, 2]).is_err(), "shapes");
        assert!(graph.call(CALL, &inputs[..2], "y", [2, 3]).is_err(), "an input is missing");
        assert!(graph.call(CALL, &[inputs.as_slice(), &[None]].concat(), "y", [2, 3]).is_err(), "one too many");
        assert!(graph.call(CALL, &inputs, "y", [7]).is_err(), "the output's shape");
        assert!(graph.call(CALL, &inputs, "x", [2, 3]).is_err(), "a name twice");
        assert!(graph.weights(&["w".to_owned()], [4]).is_err(), "weights of another shape");
        assert_eq!((graph.values().count(), graph.nodes().len()), (values, 0));
        assert_eq!(graph.find("y"), None);
        graph.call(CALL, &inputs, "y", [1, 2, 3]).unwrap();
    }

    #[test]
    fn a_call_has_as_many_outputs_as_are_named() {
        let mut graph = Graph::new();
        let call = Attention::new(Qkv::in_planes(4, 2, 3), Sequences::joint(1, 4), Mask::NONE).statistics();
        let qkv = graph.input("qkv", [6, 4, 3], Element::F32).unwrap();
        let inputs = [Some(qkv), Some(qkv), Some(qkv), None];
        let (out, numbers) = (Shape::from([4, 6]), Shape::from([2, 2, 4]));
        assert!(graph.call(call.clone(), &inputs, "out", out.clone()).is_err(), "one of two");
        let refused = [
            vec![],
            vec![("out", out.clone()), ("out", numbers.clone())],
            vec![("out", out.clone()), ("qkv", numbers.clone())],
            vec![("out", out.clone()), ("numbers", out.clone())],
        ];
        for outputs in refused {
            assert!(graph.call_many(call.clone(), &inputs, &outputs).is_err(), "{outputs:?}");
        }
        assert_eq!((graph.values().count(), graph.nodes().len()), (1, 0));
        let values = graph.call_many(call, &inputs, &[("out", out), ("numbers", numbers)]).unwrap();
        assert_eq!(graph.nodes()[0].outputs().collect::<Vec<_>>(), values);
        assert_eq!(graph.name(values[1]), "numbers");
    }

    #[test]
    fn weights_asked_for_twice_are_one_value() {
        let (mut graph, [_, weights, _]) = recorded();
        assert_eq!(graph.weights(&["w".to_owned()], [3]).ok(), weights);
    }
}
