//! Kernel calls on named values: recorded once, planned, and run by any executor.
//!
//! A [`Graph`] is plain data: values with names and shapes, and the calls that compute them. A [`Plan`] gives each value
//! a slot of memory for as long as it lives. [`GpuExecutor`] runs the kernels, [`ReferenceExecutor`] their naive
//! references, and [`bisect`] names the first call on which two executors differ.

mod bisect;
mod gpu;
mod plan;
mod recording;
mod reference;
mod weights;

use crate::gpu::Buffer;
use crate::tensor::{Error, Result, Tensor};

pub use bisect::{Divergence, bisect};
pub use gpu::GpuExecutor;
pub use plan::Plan;
pub use recording::{Graph, Node, Origin, Taps, Value};
pub use reference::ReferenceExecutor;
pub use weights::{DeviceWeights, Weights};

/// What is put into an input of a graph.
#[derive(Clone, Copy, Debug)]
pub enum Feed<'a> {
    /// A tensor in host memory.
    Host(&'a Tensor),
    /// Memory of the executor's device that begins with the tensor.
    Device(&'a Buffer),
}

/// Runs a graph.
pub trait Executor {
    /// The graph it runs.
    fn graph(&self) -> &Graph;

    /// Computes everything from `feeds`, which name every input of the graph, and returns the `wanted` values.
    fn run(&mut self, feeds: &[(&str, Feed<'_>)], wanted: &[Value]) -> Result<Vec<Tensor>>;
}

/// The feed of the input called `name`; an error where it is missing or its shape is another.
fn feed_of<'a>(graph: &Graph, feeds: &[(&str, Feed<'a>)], input: Value) -> Result<Feed<'a>> {
    let name = graph.name(input);
    let (_, feed) = feeds
        .iter()
        .find(|(fed, _)| *fed == name)
        .ok_or_else(|| Error::usage(format!("input {name} {} is not given", graph.shape(input))))?;
    if let Feed::Host(tensor) = feed
        && (tensor.shape() != graph.shape(input) || tensor.element() != graph.element(input))
    {
        return Err(Error::usage(format!(
            "input {name} has shape {}, but {} is wanted",
            tensor.shape(),
            graph.shape(input)
        )));
    }
    Ok(*feed)
}
