//! Reverse mode: the backward pass of a graph as further calls of it.
//!
//! The calls are visited from the last to the first. Each whose outputs have a gradient, and on which something that is
//! wanted depends, drafts the calls that its kernel declares for the gradients of its inputs. What turns out to be of no use
//! is left out when the draft is recorded.

mod draft;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Graph, Node, Value};
use crate::kernels::rows::{Pointwise, Step};
use crate::kernels::{Backward, Tape, TapeValue};
use crate::tensor::{Error, Result};
use draft::{Draft, Role};

/// How a loss grows with a value: where a backward pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cotangent {
    /// By 1 with each element of the value: the loss is the sum of them.
    Ones(Value),
    /// By what another value says, element by element.
    Given {
        /// The value.
        of: Value,
        /// How the loss grows with it.
        cotangent: Value,
    },
}

impl Graph {
    /// Records the calls that compute how a loss grows with each of `wanted`, weights mostly. The answers are in their order;
    /// `None` for a value on which the loss does not depend.
    ///
    /// `loss` says where the backward pass begins. A gradient has the shape of its value and is called `gradient of NAME`; it
    /// is no output of the graph until it is made one. Where several calls read a value, their shares are added in the
    /// reverse order of the calls, so that the sum is the same in every run.
    ///
    /// `recomputed` are ranges of calls, such as the blocks of an encoder: what is computed within one and needed for the
    /// gradients is computed again, as `NAME again`, right before them. Then only what enters a range must be kept until
    /// then.
    ///
    /// ```
    /// use tubelet::graph::{Cotangent, Graph};
    /// use tubelet::kernels::rows::LayerNorm;
    /// use tubelet::tensor::Element;
    ///
    /// let mut graph = Graph::new();
    /// let x = graph.input("x", [2, 3], Element::F32)?;
    /// let [scale, bias] = ["scale", "bias"].map(|name| graph.weights(&[name], [3]));
    /// let (scale, bias) = (scale?, bias?);
    /// let call = LayerNorm { rows: 2, width: 3, epsilon: 1e-6 };
    /// let y = graph.call(call, &[Some(x), Some(scale), Some(bias)], "y", [2, 3])?;
    /// let gradients = graph.gradients(&[Cotangent::Ones(y)], &[scale, bias], &[])?;
    /// assert_eq!(graph.find("gradient of scale"), gradients[0]);
    /// assert_eq!(graph.find("gradient of x"), None);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::tensor::ErrorKind::Unsupported) where the way from a wanted value to the loss leads through a
    /// call without a gradient, or one that overwrites what it reads: it is named. A usage error where a value that a
    /// gradient needs has been overwritten, and for ranges that are not calls of the graph or overlap.
    pub fn gradients(
        &mut self,
        loss: &[Cotangent],
        wanted: &[Value],
        recomputed: &[Range<usize>],
    ) -> Result<Vec<Option<Value>>> {
        let mut sweep = Sweep::new(self, wanted);
        loss.iter().try_for_each(|cotangent| sweep.begin(*cotangent))?;
        sweep.all(recomputed)?;
        let found: Vec<_> = wanted.iter().map(|value| sweep.whole(*value)).collect();
        // What is refused leaves the graph as it was.
        let mut whole = self.clone();
        let gradients = sweep.draft.record(&mut whole, &found)?;
        *self = whole;
        Ok(gradients)
    }
}

/// A backward pass on its way from the last call to the first.
struct Sweep<'a> {
    graph: &'a Graph,
    draft: Draft,
    /// Whether something that is wanted enters each value.
    depends: Vec<bool>,
    /// The gradient of each value so far.
    gradients: Vec<Option<TapeValue>>,
    /// What of the range at hand is computed again.
    again: HashMap<Value, TapeValue>,
}

impl<'a> Sweep<'a> {
    fn new(graph: &'a Graph, wanted: &[Value]) -> Self {
        let values = graph.values().count();
        let mut depends = vec![false; values];
        wanted.iter().for_each(|value| depends[value.0] = true);
        for node in graph.nodes() {
            if node.inputs().any(|value| depends[value.0]) {
                node.outputs().for_each(|value| depends[value.0] = true);
            }
        }
        Self { graph, draft: Draft::new(values), depends, gradients: vec![None; values], again: HashMap::new() }
    }

    fn begin(&mut self, cotangent: Cotangent) -> Result<()> {
        let (value, gradient) = match cotangent {
            Cotangent::Given { of, cotangent } => (of, TapeValue(cotangent.0)),
            Cotangent::Ones(value) => (value, self.draft.ones(value, self.graph.shape(value).clone())),
        };
        self.add(value, gradient)
    }

    /// Visits every call, and the ranges that are `recomputed` as wholes first.
    fn all(&mut self, recomputed: &[Range<usize>]) -> Result<()> {
        let calls = self.graph.nodes().len();
        let mut ranges: Vec<_> = recomputed.iter().filter(|range| !range.is_empty()).cloned().collect();
        ranges.sort_by_key(|range| range.start);
        let overlap = ranges.windows(2).any(|pair| pair[0].end > pair[1].start);
        if overlap || ranges.last().is_some_and(|range| range.end > calls) {
            return Err(Error::usage(format!("{recomputed:?} are no separate ranges of the {calls} calls of a graph")));
        }
        for index in (0..calls).rev() {
            if ranges.last().is_some_and(|range| range.end == index + 1) {
                self.again.clear();
                ranges.pop().into_iter().try_for_each(|range| self.compute_again(range))?;
            }
            self.visit(&self.graph.nodes()[index])?;
        }
        Ok(())
    }

    /// Drafts the calls of a range again.
    fn compute_again(&mut self, range: Range<usize>) -> Result<()> {
        let graph = self.graph;
        for node in &graph.nodes()[range] {
            self.refuse_updates(node)?;
            let inputs: Vec<_> = node.given().map(|value| value.map(|value| self.now(value))).collect();
            self.draft.within = node.outputs().next();
            let outputs = self.draft.call(node.call.clone(), &inputs)?;
            for (value, again) in node.outputs().zip(outputs) {
                self.draft.name(again, Role::Again(value), graph.shape(value));
                self.again.insert(value, again);
            }
        }
        Ok(())
    }

    /// Where a value is to be read: computed again, or as it was.
    fn now(&self, value: Value) -> TapeValue {
        self.again.get(&value).copied().unwrap_or(TapeValue(value.0))
    }

    /// Drafts the gradients of what a call reads, where its outputs have some and they are asked for.
    fn visit(&mut self, node: &Node) -> Result<()> {
        let gradients: Vec<_> = node.outputs().map(|value| self.whole(value)).collect();
        let given: Vec<_> = node.given().collect();
        let asked = given.iter().flatten().any(|value| self.depends[value.0]);
        let Some(first) = node.outputs().next().filter(|_| asked && gradients.iter().any(Option::is_some)) else {
            return Ok(());
        };
        self.refuse_updates(node)?;
        let inputs: Vec<_> = given.iter().map(|value| value.map(|value| self.now(value))).collect();
        let outputs: Vec<_> = node.outputs().map(|value| self.now(value)).collect();
        self.draft.within = Some(first);
        let found = node.call.gradient(&mut self.draft, &Backward::new(&inputs, &outputs, &gradients));
        let found = found.map_err(|error| error.within(self.described(node)))?.ok_or_else(|| {
            Error::unsupported(format!(
                "{} has no gradient, and the loss depends through it on what gradients are asked of",
                self.described(node)
            ))
        })?;
        self.take(node, &given, &found)
    }

    /// Adds the gradients of what a call is `given`, which were `found` in the same order.
    fn take(&mut self, node: &Node, given: &[Option<Value>], found: &[Option<TapeValue>]) -> Result<()> {
        let mut missing: Vec<Value> = Vec::new();
        let mut reached: Vec<Value> = Vec::new();
        for (index, value) in given.iter().enumerate() {
            let Some(value) = value.filter(|value| self.depends[value.0]) else { continue };
            match found.get(index).copied().flatten() {
                Some(gradient) => {
                    self.add(value, gradient)?;
                    reached.push(value);
                }
                None => missing.push(value),
            }
        }
        // One that is given twice may have its whole gradient at the first.
        match missing.iter().find(|value| !reached.contains(value)) {
            None => Ok(()),
            Some(value) => Err(Error::unsupported(format!(
                "{} has no gradient for {}, which is asked for",
                self.described(node),
                self.graph.name(*value)
            ))),
        }
    }

    /// Adds a share to the gradient of `value`.
    fn add(&mut self, value: Value, share: TapeValue) -> Result<()> {
        let Some(sum) = self.gradients[value.0] else {
            self.gradients[value.0] = Some(share);
            return Ok(());
        };
        let shape = self.graph.shape(value);
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Sum };
        self.draft.within = Some(value);
        let sums = self.draft.call(Arc::new(call), &[Some(sum), Some(share)])?;
        self.gradients[value.0] = sums.first().copied();
        Ok(())
    }

    /// The gradient of `value`, to which nothing is added any more.
    fn whole(&mut self, value: Value) -> Option<TapeValue> {
        let gradient = self.gradients[value.0]?;
        self.draft.name(gradient, Role::Gradient(value), self.graph.shape(value));
        Some(gradient)
    }

    fn refuse_updates(&self, node: &Node) -> Result<()> {
        match node.updates().next() {
            None => Ok(()),
            Some((old, _)) => Err(Error::unsupported(format!(
                "{} overwrites {}, and gradients are asked for that pass through it: record it after them",
                self.described(node),
                self.graph.name(old)
            ))),
        }
    }

    /// A call for errors: the name of what it computes and its kernel.
    fn described(&self, node: &Node) -> String {
        let name = node.outputs().next().map(|value| self.graph.name(value)).unwrap_or_default();
        format!("{name} ({})", node.call.family().name)
    }
}
