//! Clipping a gradient by its norm over all weights (spec §8.3).

use super::state::parts_of;
use crate::graph::{Graph, Value};
use crate::kernels::weights::{GradientNorm, SquareSum};
use crate::tensor::{Error, Result};

/// The norm of a gradient over all weights together, and what to multiply it by.
pub(super) struct Clipped {
    /// Before clipping, `[1]`.
    pub(super) norm: Value,
    /// `[1]`; `None` where there is no limit.
    pub(super) factor: Option<Value>,
}

impl Clipped {
    /// Records it: the sum of squares of one gradient after another, from the last to the first, each going on from the one
    /// before. So, where `gradients` are in the order of the forward pass, each of these values tells up to which weight of
    /// the backward pass the gradient has been a number.
    pub(super) fn record(graph: &mut Graph, gradients: &[(Value, Value)], limit: Option<f32>) -> Result<Self> {
        let mut sum = None;
        for (weight, gradient) in gradients.iter().rev() {
            parts_of(graph, *weight)?;
            let shape = graph.shape(*gradient);
            let call = SquareSum::new(shape.rows(), shape.last()).continued(sum.is_some());
            let name = format!("optimiser.square_sum.{}", graph.name(*weight));
            sum = Some(graph.call(call, &[Some(*gradient), sum], &name, [1])?);
        }
        let sum = sum.ok_or_else(|| Error::usage("there are no gradients to step by"))?;
        let outputs = [("optimiser.norm", [1].into()), ("optimiser.factor", [1].into())];
        let outputs = if limit.is_some() { outputs.as_slice() } else { &outputs[..1] };
        let values = graph.call_many(GradientNorm::new(1).limit(limit), &[Some(sum)], outputs)?;
        Ok(Self { norm: values[0], factor: values.get(1).copied() })
    }
}
