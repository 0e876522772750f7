//! Gradients over the parts of a batch.

use super::clipping::Clipped;
use super::state::{parts_of, state_beside};
use super::{state, stepped};
use crate::graph::{Graph, Value};
use crate::kernels::weights::Accumulate;
use crate::tensor::{Element, Error, Result, Tensor};

/// The input that says whether a part of a batch is the first, `[1]`.
const KEEP: &str = "optimiser.keep";

/// What sums of gradients are called.
const GRADIENT: &str = "gradient";

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
    let Clipped { norm, factor } = Clipped::record(graph, gradients, limit)?;
    graph.output(norm)?;
    let keep = graph.input(KEEP, [1], Element::F32)?;
    for (weight, gradient) in gradients {
        let sum = state_beside(graph, *weight, GRADIENT)?;
        let shape = graph.shape(*weight).clone();
        let call = Accumulate::new(shape.rows(), shape.last(), 1.0 / parts as f32).clipped(factor.is_some());
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
    let pair = |weight: &Value| {
        let (parts, shape) = (parts_of(of, *weight)?, of.shape(*weight));
        let sums: Vec<_> = parts.iter().map(|part| state::name(GRADIENT, part)).collect();
        Ok((graph.weights(parts, shape.clone())?, graph.weights(&sums, shape.clone())?))
    };
    weights.iter().map(pair).collect()
}
