//! What a graph refuses to record. Everything is checked before anything is recorded: what is refused leaves the graph as it
//! was.

use super::{Graph, Node, Origin, Value};
use crate::kernels::Binding;
use crate::tensor::{Element, Error, Result, Shape};

impl Graph {
    /// An error where these names and shapes are not those of the outputs that are wanted, or are taken.
    pub(super) fn check_outputs(&self, wanted: &[(usize, Shape, Element)], named: &[(&str, Shape)]) -> Result<()> {
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

    pub(super) fn check_operand(
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
    pub(super) fn check_update(&self, value: Value, given: &[Value]) -> Result<()> {
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

    /// An error where weights that have been overwritten share tensors with `parts`, but are stacked otherwise.
    pub(super) fn check_stacking(&self, parts: &[String]) -> Result<()> {
        let overwritten = self.weights_recorded().filter(|(value, _)| self.gone.contains(value));
        match overwritten.map(|(_, other)| other).find(|other| *other != parts && share_a_tensor(other, parts)) {
            None => Ok(()),
            Some(other) => Err(stackings(parts, other)),
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

    fn weights_recorded(&self) -> impl Iterator<Item = (Value, &[String])> {
        self.values().filter_map(|value| Some((value, self.parts(value)?)))
    }

    pub(super) fn overwritten(&self, value: Value) -> Error {
        let updates = self.nodes.iter().flat_map(Node::updates);
        let new = updates.filter(|(old, _)| *old == value).map(|(_, new)| self.name(new)).next().unwrap_or_default();
        Error::usage(format!("{} has been overwritten: its memory holds {new} now", self.name(value)))
    }

    pub(super) fn check_name(&self, name: &str) -> Result<()> {
        match self.names.contains_key(name) {
            true => Err(Error::usage(format!("two values of a graph are called {name}"))),
            false => Ok(()),
        }
    }
}

/// Whether two stacks of weights have a tensor in common.
pub(in crate::graph) fn share_a_tensor(one: &[String], other: &[String]) -> bool {
    one.iter().any(|part| other.contains(part))
}

/// The error for weights that are read in one stack and updated in another.
pub(in crate::graph) fn stackings(read: &[String], updated: &[String]) -> Error {
    let (read, updated) = (read.join(" + "), updated.join(" + "));
    Error::usage(format!("weights {read} are read and {updated} are updated: stack them alike"))
}
