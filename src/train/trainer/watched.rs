//! What is watched of the forward pass, so that the layer is known in which values cease to be numbers.

use std::ops::Range;

use crate::graph::{Graph, Origin, Value};
use crate::kernels::weights::SquareSum;
use crate::tensor::{Error, Result};
use crate::vivit::Recording;

/// Records the sum of the squares of what each block of an encoder gives, and of what enters the first of an encoder, `[1]`
/// each: no number where one of the values is none. Blocks are called by the path of their parameters.
pub(super) fn record(forward: &mut Recording) -> Result<Vec<(String, Value)>> {
    let Recording { graph, blocks, .. } = forward;
    let (mut watched, mut before) = (Vec::new(), None);
    for block in blocks.iter() {
        let Block { path, input, output } = Block::of(graph, block)?;
        if before != Some(input) {
            watched.push(square_sum(graph, format!("what enters {path}"), input)?);
        }
        watched.push(square_sum(graph, path, output)?);
        before = Some(output);
    }
    Ok(watched)
}

fn square_sum(graph: &mut Graph, place: String, value: Value) -> Result<(String, Value)> {
    let shape = graph.shape(value);
    let (call, name) = (SquareSum::new(shape.rows(), shape.last()), format!("watched.{place}"));
    let sum = graph.call(call, &[Some(value), None], &name, [1])?;
    Ok((place, sum))
}

/// A block of an encoder in a graph.
struct Block {
    /// Of its parameters, such as `Transformer.encoderblock_3`.
    path: String,
    input: Value,
    output: Value,
}

impl Block {
    /// The one of these calls.
    fn of(graph: &Graph, calls: &Range<usize>) -> Result<Self> {
        let nodes = graph.nodes().get(calls.clone()).unwrap_or_default();
        let ends = nodes.first().zip(nodes.last());
        let ends = ends.and_then(|(first, last)| Some((first.inputs().next()?, last.outputs().next()?)));
        let (input, output) =
            ends.ok_or_else(|| Error::usage(format!("calls {calls:?} are no block of an encoder")))?;
        let weights = nodes.iter().flat_map(|node| node.inputs()).find_map(|value| match graph.origin(value) {
            Origin::Weights(parts) => parts.first(),
            _ => None,
        });
        // The encoder, then the number of the block.
        let path = weights.map(|name| name.split('.').take(2).collect::<Vec<_>>().join("."));
        Ok(Self { path: path.unwrap_or_else(|| graph.name(output).to_owned()), input, output })
    }
}
