//! Gradients over the parts of a batch.

use super::clipping::Clipped;
use super::state::{parts_of, state_beside};
use super::{state, stepped};
use crate::graph::{Graph, Value};
use crate::kernels::weights::Accumulate;
use crate::tensor::{Element, Error, Result, Shape, Tensor};

/// The input that says whether a part of a batch is the first, `[1]`.
const KEEP: &str = "optimiser.keep";

/// Which mean over parts it is, of those that lie beside the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::train) enum Mean {
    /// Over a batch, or over the devices that share it.
    Batch,
    /// Over the clips of one device, where they are computed in parts.
    #[cfg(feature = "video")]
    Device,
}

impl Mean {
    /// What it is called.
    fn kind(self) -> &'static str {
        match self {
            Self::Batch => "gradient",
            #[cfg(feature = "video")]
            Self::Device => "device_gradient",
        }
    }

    /// What the mean beside the weight called `weight` is called.
    pub(in crate::train) fn name(self, weight: &str) -> String {
        state::name(self.kind(), weight)
    }
}

/// Whether the state called `name` is a mean of gradients: it lives for a step, and no checkpoint holds it.
#[cfg(feature = "video")]
pub(in crate::train) fn is_mean(name: &str) -> bool {
    let of = |mean: Mean| name.starts_with(&mean.name(""));
    of(Mean::Batch) || of(Mean::Device)
}

/// Records that the gradient of one of `parts` equal parts of a batch is added to the mean over them, which lies beside the
/// weights as `optimiser.gradient.NAME`. `gradients` are pairs of a weight and a value of its shape.
///
/// With a `limit` each part is clipped by itself, as scenic does it on each of its devices (spec §8.3); to clip the mean
/// instead, give the limit to the step. Returns the norm of this part before clipping, `[1]`, which becomes an output of
/// the graph.
///
/// The graph gets an input that [`keep`] feeds. When it has run for every part, a step by [`accumulated`] gradients follows.
///
/// # Errors
///
/// No gradients or no parts; a value that is no weights; a gradient of another shape; a limit that makes no sense.
pub fn accumulate(graph: &mut Graph, gradients: &[(Value, Value)], limit: Option<f32>, parts: usize) -> Result<Value> {
    if parts == 0 {
        return Err(Error::usage("a batch has at least 1 part, not 0"));
    }
    add_to(Mean::Batch, graph, gradients, limit, 1.0 / parts as f32)
}

/// As [`accumulate`], for a part that makes this `share` of the mean.
pub(in crate::train) fn add_to(
    mean: Mean,
    graph: &mut Graph,
    gradients: &[(Value, Value)],
    limit: Option<f32>,
    share: f32,
) -> Result<Value> {
    let Clipped { norm, factor } = Clipped::record(graph, gradients, limit)?;
    graph.output(norm)?;
    let keep = graph.input(KEEP, [1], Element::F32)?;
    for (weight, gradient) in gradients {
        let sum = state_beside(graph, *weight, mean.kind())?;
        let shape = graph.shape(*weight).clone();
        let call = Accumulate::new(shape.rows(), shape.last(), share).clipped(factor.is_some());
        let name = stepped(graph.name(sum));
        graph.call(call, &[Some(*gradient), Some(keep), factor, Some(sum)], &name, shape)?;
    }
    Ok(norm)
}

/// What to feed a graph of [`accumulate`] beside its data: whether the part is the first of its batch, which begins the mean
/// anew.
pub fn keep(first: bool) -> Result<(&'static str, Tensor)> {
    Ok((KEEP, Tensor::f32([1], vec![if first { 0.0 } else { 1.0 }])?))
}

/// The pairs of weight and accumulated gradient for a step in `graph`, of the `weights` of the graph `of` in which
/// [`accumulate`] was recorded.
pub fn accumulated(graph: &mut Graph, of: &Graph, weights: &[Value]) -> Result<Vec<(Value, Value)>> {
    let stack = |weight: &Value| Ok((parts_of(of, *weight)?.to_vec(), of.shape(*weight).clone()));
    let stacks: Vec<_> = weights.iter().map(stack).collect::<Result<_>>()?;
    means(Mean::Batch, graph, &stacks)
}

/// The pairs of weight and mean gradient, of weights by the names that they stack and their shapes.
pub(in crate::train) fn means(
    mean: Mean,
    graph: &mut Graph,
    stacks: &[(Vec<String>, Shape)],
) -> Result<Vec<(Value, Value)>> {
    let pair = |(parts, shape): &(Vec<String>, Shape)| {
        let sums: Vec<_> = parts.iter().map(|part| mean.name(part)).collect();
        Ok((graph.weights(parts, shape.clone())?, graph.weights(&sums, shape.clone())?))
    };
    stacks.iter().map(pair).collect()
}
