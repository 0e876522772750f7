//! The graph itself.

mod checks;
mod node;
mod taps;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::kernels::{Access, Call, Cost, Kernel, Precision};
use crate::tensor::{Element, Error, Format, Result, Shape, Tensor};

pub(super) use checks::{share_a_tensor, stackings};
pub use node::Node;
pub use taps::Taps;

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
