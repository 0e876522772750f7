//! The graph itself.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::kernels::{Access, Binding, Call, Cost, Kernel, Precision};
use crate::tensor::{Element, Error, Format, Result, Shape, Tensor};

/// A value of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(super) usize);

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// Fed on every run.
    Input,
    /// Fixed data recorded with the graph: a table.
    Constant(Arc<Tensor>),
    /// Weights: the named tensors, stacked along their first axis.
    Weights(Vec<String>),
    /// Computed by the call with this index.
    Call(usize),
}

/// One recorded kernel call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// The kernel and its sizes.
    pub call: Call,
    /// What each binding of the kernel reads or writes, in order; `None` where the call leaves it out, and for scratch.
    pub operands: Vec<Option<Value>>,
    /// For each binding that updates, the value whose memory its operand takes.
    pub replaced: Vec<Option<Value>>,
}

impl Node {
    /// What the bindings that read are given, in order; `None` where the call leaves it out.
    pub(super) fn given(&self) -> impl Iterator<Item = Option<Value>> + '_ {
        let bindings = self.call.family().bindings.iter().zip(self.operands.iter().zip(&self.replaced));
        bindings.filter_map(|(binding, (operand, replaced))| match binding.access {
            Access::Read => Some(*operand),
            Access::Update => Some(*replaced),
            Access::Write | Access::Scratch => None,
        })
    }

    /// The values it reads.
    pub fn inputs(&self) -> impl Iterator<Item = Value> + '_ {
        self.given().flatten()
    }

    /// The values it writes.
    pub fn outputs(&self) -> impl Iterator<Item = Value> + '_ {
        let bindings = self.call.family().bindings.iter().zip(&self.operands);
        bindings.filter(|(binding, _)| binding.access.writes()).filter_map(|(_, value)| *value)
    }

    /// Its updates: each value that it overwrites, then the value that takes that memory.
    pub(super) fn updates(&self) -> impl Iterator<Item = (Value, Value)> + '_ {
        self.replaced.iter().zip(&self.operands).filter_map(|(old, new)| Some(((*old)?, (*new)?)))
    }
}

/// Which values are wanted beside a graph's outputs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Taps {
    /// None: every call may be fused.
    #[default]
    None,
    /// Those with these names.
    Names(BTreeSet<String>),
    /// Every one that has a name.
    All,
}

impl<S: Into<String>> FromIterator<S> for Taps {
    /// The values with these names; none for none.
    fn from_iter<T: IntoIterator<Item = S>>(names: T) -> Self {
        let names: BTreeSet<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() { Self::None } else { Self::Names(names) }
    }
}

impl Taps {
    /// Whether the value called `name` is wanted.
    pub(crate) fn want(&self, name: &str) -> bool {
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
///
/// ```
/// use std::sync::Arc;
/// use tubelet::graph::{DeviceWeights, ExecutorOptions, Feed, Graph, Weights};
/// use tubelet::kernels::rows::Softmax;
/// use tubelet::tensor::{Element, Error, Result, Tensor};
///
/// struct NoWeights;
///
/// impl Weights for NoWeights {
///     fn tensor(&self, name: &str) -> Result<Tensor> {
///         Err(Error::usage(format!("there is no {name}")))
///     }
/// }
///
/// let mut graph = Graph::new();
/// let scores = graph.input("scores", [2, 3], Element::F32)?;
/// let shares = graph.call(Softmax { rows: 2, width: 3 }, &[Some(scores)], "shares", [2, 3])?;
/// graph.output(shares)?;
///
/// let device = tubelet::Device::references();
/// let weights = DeviceWeights::new(&device, Arc::new(NoWeights));
/// let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait()?;
/// let fed = Tensor::f32([2, 3], vec![0.0; 6])?;
/// let found = executor.run(&[("scores", Feed::Host(&fed))], &[shares]).wait()?;
/// assert_eq!(found[0].as_f32()?, [1.0 / 3.0; 6]);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<ValueRecord>,
    nodes: Vec<Node>,
    outputs: Vec<Value>,
    names: HashMap<String, Value>,
    /// The values that calls have overwritten.
    gone: HashSet<Value>,
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

    /// Weights of `shape`: the tensors called `parts`, stacked along their first axis. The same `parts` are the same value.
    pub fn weights(&mut self, parts: &[impl AsRef<str>], shape: impl Into<Shape>) -> Result<Value> {
        let parts: Vec<String> = parts.iter().map(|part| part.as_ref().to_owned()).collect();
        let (name, shape) = (parts.join(" + "), shape.into());
        self.check_stacking(&parts)?;
        match self.names.get(&name) {
            None => self.record(&name, shape, Element::F32, Origin::Weights(parts)),
            Some(value) if *self.shape(*value) == shape => Ok(*value),
            Some(value) => {
                let known = self.shape(*value);
                Err(Error::usage(format!("weights {name} have shape {known} in one call and {shape} in another")))
            }
        }
    }

    /// Records a call of a kernel with one output, which gets `name` and `shape` (the kernel's own rows, regrouped).
    ///
    /// `inputs` are the operands of the bindings that read, in order; `None` where the call leaves one out.
    ///
    /// # Errors
    ///
    /// A shape that the kernel does not want, sizes that it rejects; an input that an earlier call has overwritten, or that
    /// this call would overwrite and must not.
    pub fn call(
        &mut self,
        kernel: impl Kernel + 'static,
        inputs: &[Option<Value>],
        name: &str,
        shape: impl Into<Shape>,
    ) -> Result<Value> {
        match self.call_many(kernel, inputs, &[(name, shape.into())])?.as_slice() {
            [value] => Ok(*value),
            values => Err(Error::usage(format!("{name}: the call has {} outputs, not one", values.len()))),
        }
    }

    /// Records a call like [`call`](Self::call) of a kernel with several outputs, which get these names and shapes in the
    /// order of their bindings. An update is an output too. It overwrites a value that must be no constant and no output of
    /// the graph, and that no later call may read. Updated weights stay updated on the device, for all graphs that use them.
    pub fn call_many(
        &mut self,
        kernel: impl Kernel + 'static,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        self.record_call(Arc::new(kernel), inputs, outputs)
    }

    /// Records a call of any kernel, as [`call_many`](Self::call_many) does.
    pub(crate) fn record_call(
        &mut self,
        call: Call,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        self.record_fitting(Shape::regroups, call, inputs, outputs)
    }

    /// The same of operands in any shape of as many elements: a gradient takes the elements of a value, in their order, for
    /// rows of another width.
    pub(super) fn record_reshaping(
        &mut self,
        call: Call,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        self.record_fitting(|shape, wanted| shape.elements() == wanted.elements(), call, inputs, outputs)
    }

    /// Records a call whose operands fit the shapes that it wants.
    fn record_fitting(
        &mut self,
        fits: fn(&Shape, &Shape) -> bool,
        call: Call,
        inputs: &[Option<Value>],
        outputs: &[(&str, Shape)],
    ) -> Result<Vec<Value>> {
        let name = outputs.first().map_or("a call without outputs", |(name, _)| *name);
        let context = |error: Error| error.within(format!("{name} ({})", call.family().name));
        call.validate().map_err(context)?;
        let mut given = inputs.iter().copied();
        let (mut operands, mut replaced) = (Vec::new(), Vec::new());
        let mut wanted_outputs = Vec::new();
        for (binding, wanted) in call.family().bindings.iter().zip(call.operands()) {
            let value = if binding.access.reads() { given.next().flatten() } else { None };
            if binding.access.reads() {
                self.check_operand(fits, binding, value, wanted.as_ref()).map_err(context)?;
            }
            if binding.access.writes() {
                wanted_outputs.extend(wanted.map(|wanted| (operands.len(), wanted, binding.element)));
            }
            operands.push(value.filter(|_| binding.access == Access::Read));
            replaced.push(value.filter(|_| binding.access == Access::Update));
        }
        if given.next().is_some() {
            return Err(context(Error::usage(format!("{} inputs are more than it reads", inputs.len()))));
        }
        self.check_outputs(&wanted_outputs, outputs).map_err(context)?;
        let given: Vec<_> = inputs.iter().copied().flatten().collect();
        replaced.iter().flatten().try_for_each(|value| self.check_update(*value, &given)).map_err(context)?;
        let mut values = Vec::new();
        for ((operand, _, element), (name, shape)) in wanted_outputs.into_iter().zip(outputs) {
            let value = self.record(name, shape.clone(), element, Origin::Call(self.nodes.len()))?;
            operands[operand] = Some(value);
            values.push(value);
        }
        self.gone.extend(replaced.iter().flatten());
        self.nodes.push(Node { call, operands, replaced });
        Ok(values)
    }

    /// `name`, or with the first number behind it under which there is no value yet.
    pub(super) fn unused(&self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !self.names.contains_key(name)).unwrap_or_default()
    }

    /// Before anything is recorded: what is refused leaves the graph as it was.
    fn check_outputs(&self, wanted: &[(usize, Shape, Element)], named: &[(&str, Shape)]) -> Result<()> {
        if wanted.len() != named.len() || named.is_empty() {
            return Err(Error::usage(format!("the call has {} outputs, {} are named", wanted.len(), named.len())));
        }
        for (index, ((_, wanted, _), (name, shape))) in wanted.iter().zip(named).enumerate() {
            if wanted.elements() != shape.elements() {
                return Err(Error::usage(format!("output {name} has shape {wanted}, not {shape}")));
            }
            self.check_name(name)?;
            if named[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::usage(format!("two outputs are called {name}")));
            }
        }
        Ok(())
    }

    fn check_operand(
        &self,
        fits: fn(&Shape, &Shape) -> bool,
        binding: &Binding,
        value: Option<Value>,
        wanted: Option<&Shape>,
    ) -> Result<()> {
        let Binding { name: binding, element, .. } = *binding;
        match (value, wanted) {
            (None, None) => Ok(()),
            (None, Some(wanted)) => Err(Error::usage(format!("{binding} {wanted} is not given"))),
            (Some(_), None) => Err(Error::usage(format!("{binding} is given, but this call leaves it out"))),
            (Some(value), Some(_)) if self.gone.contains(&value) => Err(self.overwritten(value)),
            (Some(value), Some(wanted)) => {
                let (shape, own) = (self.shape(value), self.element(value));
                if own != element || !fits(shape, wanted) {
                    return Err(Error::usage(format!(
                        "{binding} wants {wanted} of {element:?}, but {} is {shape} of {own:?}",
                        self.name(value)
                    )));
                }
                Ok(())
            }
        }
    }

    /// An error where the call that is given these values must not overwrite `value`, one of them.
    fn check_update(&self, value: Value, given: &[Value]) -> Result<()> {
        let name = self.name(value);
        if given.iter().filter(|other| **other == value).count() > 1 {
            return Err(Error::usage(format!("{name} is given twice to a call that overwrites it")));
        }
        if self.outputs.contains(&value) {
            return Err(Error::usage(format!("{name} is an output of the graph, and this call would overwrite it")));
        }
        match self.origin(value) {
            Origin::Constant(_) => {
                Err(Error::usage(format!("{name} is a constant, and this call would overwrite it for every later run")))
            }
            Origin::Weights(parts) => self.check_update_of_weights(parts),
            Origin::Input | Origin::Call(_) => Ok(()),
        }
    }

    /// An error where weights that are read here share tensors with `parts`, which are to be overwritten, but are stacked
    /// otherwise.
    fn check_update_of_weights(&self, parts: &[String]) -> Result<()> {
        let stacked_otherwise = |other: &&[String]| *other != parts && share_a_tensor(other, parts);
        match self.weights_recorded().map(|(_, other)| other).find(stacked_otherwise) {
            None => Ok(()),
            Some(other) => Err(stackings(other, parts)),
        }
    }

    /// An error where weights that have been overwritten share tensors with `parts`, but are stacked otherwise.
    fn check_stacking(&self, parts: &[String]) -> Result<()> {
        let overwritten = self.weights_recorded().filter(|(value, _)| self.gone.contains(value));
        match overwritten.map(|(_, other)| other).find(|other| *other != parts && share_a_tensor(other, parts)) {
            None => Ok(()),
            Some(other) => Err(stackings(parts, other)),
        }
    }

    fn weights_recorded(&self) -> impl Iterator<Item = (Value, &[String])> {
        self.values().filter_map(|value| Some((value, self.parts(value)?)))
    }

    fn overwritten(&self, value: Value) -> Error {
        let updates = self.nodes.iter().flat_map(Node::updates);
        let new = updates.filter(|(old, _)| *old == value).map(|(_, new)| self.name(new)).next().unwrap_or_default();
        Error::usage(format!("{} has been overwritten: its memory holds {new} now", self.name(value)))
    }

    /// Makes `value` an output: it is still there when a run ends. An error where an update has overwritten it.
    pub fn output(&mut self, value: Value) -> Result<()> {
        if self.gone.contains(&value) {
            return Err(self.overwritten(value));
        }
        if !self.outputs.contains(&value) {
            self.outputs.push(value);
        }
        Ok(())
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
        Format::rows(self.element(value)).bytes(self.shape(value))
    }

    /// Where a value comes from.
    pub fn origin(&self, value: Value) -> &Origin {
        &self.values[value.0].origin
    }

    /// The same values and outputs before any call.
    pub(super) fn without_calls(&self) -> Self {
        Self { nodes: Vec::new(), gone: HashSet::new(), ..self.clone() }
    }

    /// Lets `value` lie in memory as this element.
    pub(super) fn leave_as(&mut self, value: Value, element: Element) {
        self.values[value.0].element = element;
    }

    /// Adds a call of another graph of the same values.
    pub(super) fn add(&mut self, node: Node) {
        for output in node.outputs() {
            self.values[output.0].origin = Origin::Call(self.nodes.len());
        }
        self.gone.extend(node.replaced.iter().flatten());
        self.nodes.push(node);
    }

    /// The tensors that `value` stacks, where it is weights.
    pub(super) fn parts(&self, value: Value) -> Option<&[String]> {
        match self.origin(value) {
            Origin::Weights(parts) => Some(parts),
            _ => None,
        }
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

    /// What all calls cost together at this precision.
    pub fn cost(&self, precision: Precision) -> Cost {
        self.nodes.iter().map(|node| node.call.cost(precision)).fold(Cost::default(), |sum, cost| sum + cost)
    }
}

/// Whether two stacks of weights have a tensor in common.
pub(super) fn share_a_tensor(one: &[String], other: &[String]) -> bool {
    one.iter().any(|part| other.contains(part))
}

/// The error for weights that are read in one stack and updated in another.
pub(super) fn stackings(read: &[String], updated: &[String]) -> Error {
    let (read, updated) = (read.join(" + "), updated.join(" + "));
    Error::usage(format!("weights {read} are read and {updated} are updated: stack them alike"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::{Attention, Mask, Qkv, Sequences};
    use crate::kernels::rows::LayerNorm;
    use crate::kernels::weights::SgdStep;

    const CALL: LayerNorm = LayerNorm { rows: 2, width: 3, epsilon: 1e-6 };

    fn recorded() -> (Graph, [Option<Value>; 3]) {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 3], Element::F32).unwrap();
        let weights = graph.weights(&["w".to_owned()], [3]).unwrap();
        (graph, [Some(x), Some(weights), Some(weights)])
    }

    /// A step of gradient descent on the last of two values.
    fn step(graph: &mut Graph, gradient: Value, value: Value, name: &str) -> Result<Value> {
        let rate = graph.find("rate").map_or_else(|| graph.input("rate", [1], Element::F32), Ok)?;
        let call = SgdStep::new(2, 3);
        graph.call(call, &[Some(gradient), Some(rate), Some(value), None], name, [2, 3])
    }

    #[test]
    fn what_an_update_replaces_is_gone() {
        let mut graph = Graph::new();
        let [x, gradient] = ["x", "gradient"].map(|name| graph.input(name, [2, 3], Element::F32).unwrap());
        let first = step(&mut graph, gradient, x, "first").unwrap();
        assert_eq!(graph.nodes()[0].updates().collect::<Vec<_>>(), [(x, first)]);
        let message = step(&mut graph, x, first, "second").unwrap_err().to_string();
        assert!(message.contains("x has been overwritten: its memory holds first now"), "{message}");
        assert!(step(&mut graph, first, x, "second").is_err() && graph.output(x).is_err());
        let message = step(&mut graph, first, first, "second").unwrap_err().to_string();
        assert!(message.contains("first is given twice"), "{message}");
        graph.output(first).unwrap();
        let message = step(&mut graph, gradient, first, "second").unwrap_err().to_string();
        assert!(message.contains("first is an output"), "{message}");
        assert_eq!(graph.nodes().len(), 1);
    }

    #[test]
    fn what_others_read_is_not_updated() {
        let mut graph = Graph::new();
        let gradient = graph.input("gradient", [2, 3], Element::F32).unwrap();
        let table = graph.constant("table", Tensor::zeros([2, 3], Element::F32)).unwrap();
        let message = step(&mut graph, gradient, table, "y").unwrap_err().to_string();
        assert!(message.contains("table is a constant"), "{message}");
        let [one, other] = ["a", "b"].map(str::to_owned);
        graph.weights(&[one.clone(), other.clone()], [4, 3]).unwrap();
        let alone = graph.weights(std::slice::from_ref(&one), [2, 3]).unwrap();
        let message = step(&mut graph, gradient, alone, "y").unwrap_err().to_string();
        assert!(message.contains("weights a + b are read and a are updated"), "{message}");
        let mut graph = Graph::new();
        let gradient = graph.input("gradient", [2, 3], Element::F32).unwrap();
        let alone = graph.weights(std::slice::from_ref(&one), [2, 3]).unwrap();
        step(&mut graph, gradient, alone, "y").unwrap();
        assert!(graph.weights(&[one, other.clone()], [4, 3]).is_err());
        assert!(graph.weights(&[other], [2, 3]).is_ok());
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
