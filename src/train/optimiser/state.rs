//! What is kept beside weights from step to step: tensors with names and shapes like theirs.

use std::fmt;
use std::sync::Arc;

use crate::graph::{Graph, Origin, Value, Weights};
use crate::tensor::{Element, Error, Result, Tensor};

/// What the names of all state begin with.
const PREFIX: &str = "optimiser.";

/// The name of the state of this kind beside the weight called `weight`.
pub(super) fn name(kind: &str, weight: &str) -> String {
    format!("{PREFIX}{kind}.{weight}")
}

/// The weight beside which the state called `name` is kept; `None` where it is no state.
fn weight_beside(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.split_once('.').map(|(_, weight)| weight)
}

/// The tensors that `weight` stacks; an error where it is no weight.
pub(super) fn parts_of(graph: &Graph, weight: Value) -> Result<&[String]> {
    match graph.origin(weight) {
        Origin::Weights(parts) => Ok(parts),
        _ => Err(Error::usage(format!("{} is no weight of the graph, so no step can change it", graph.name(weight)))),
    }
}

/// The state of this kind beside `weight`, of its shape and stacked as it is.
pub(super) fn state_beside(graph: &mut Graph, weight: Value, kind: &str) -> Result<Value> {
    let names: Vec<_> = parts_of(graph, weight)?.iter().map(|part| name(kind, part)).collect();
    let shape = graph.shape(weight).clone();
    graph.weights(&names, shape)
}

/// Weights with the state of an [`Optimiser`](super::Optimiser) beside them: zeros, or what an earlier training has left.
#[derive(Clone)]
pub struct WithState {
    weights: Arc<dyn Weights>,
    earlier: Option<Arc<dyn Weights>>,
}

impl WithState {
    /// For a training that begins: all state is 0.
    pub fn zeros(weights: Arc<dyn Weights>) -> Self {
        Self { weights, earlier: None }
    }

    /// For a training that goes on: state is what `earlier` has under its names.
    pub fn resumed(weights: Arc<dyn Weights>, earlier: Arc<dyn Weights>) -> Self {
        Self { weights, earlier: Some(earlier) }
    }
}

impl fmt::Debug for WithState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithState").field("resumed", &self.earlier.is_some()).finish_non_exhaustive()
    }
}

impl Weights for WithState {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match (weight_beside(name), &self.earlier) {
            (None, _) => self.weights.tensor(name),
            (Some(_), Some(earlier)) => earlier.tensor(name),
            (Some(weight), None) => Ok(Tensor::zeros(self.weights.tensor(weight)?.shape().clone(), Element::F32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ones in the shape of the name's length.
    struct Ones;

    impl Weights for Ones {
        fn tensor(&self, name: &str) -> Result<Tensor> {
            Tensor::f32([name.len()], vec![1.0; name.len()])
        }
    }

    #[test]
    fn state_is_zero_or_what_was_left() {
        let begun = WithState::zeros(Arc::new(Ones));
        assert_eq!(begun.tensor("a.bias").unwrap(), Ones.tensor("a.bias").unwrap());
        assert_eq!(begun.tensor(&name("velocity", "a.bias")).unwrap(), Tensor::zeros([6], Element::F32));
        let velocity = name("velocity", "a.bias");
        let resumed = WithState::resumed(Arc::new(begun.clone()), Arc::new(Ones));
        assert_eq!(resumed.tensor(&velocity).unwrap(), Ones.tensor(&velocity).unwrap());
        assert_eq!(resumed.tensor("a.bias").unwrap(), Ones.tensor("a.bias").unwrap());
        assert_eq!((weight_beside("optimiser.rate"), weight_beside("a.optimiser.b")), (None, None));
    }
}
