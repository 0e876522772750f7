//! Kernel calls on named values: recorded once, planned, and run by any executor.
//!
//! A [`Graph`] is plain data: values with names and shapes, and the calls that compute them. A memory plan gives each
//! value a slot of memory for as long as it lives. A [`Device`] prepares an [`Executor`] for it: a GPU runs the kernels in
//! WGSL, the host its own in Rust, the references their formulas in plain loops. [`bisect`] names the first call on which
//! two executors differ.

mod backend;
mod bisect;
mod device;
mod gpu;
mod gradient;
#[cfg(feature = "cpu")]
mod host;
mod lowering;
mod memory;
mod packed;
mod plan;
mod recording;
mod reference;
mod weights;
mod widened;

use std::fmt::Debug;
use std::time::Duration;

use crate::gpu::Pending;
use crate::tensor::{Error, Layout, Result, Tensor};

pub use backend::{Backend, ExecutorOptions};
#[cfg(feature = "cli")]
pub(crate) use bisect::first_divergence;
pub use bisect::{Divergence, bisect};
pub use device::{Device, DeviceChoice, DeviceOptions};
pub use gradient::Cotangent;
pub use memory::Memory;
pub(crate) use plan::MemoryPlan;
pub use recording::{Graph, Node, Origin, Taps, Value};
pub use weights::{DeviceWeights, Weights};

/// What an input of a graph is fed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Feed<'a> {
    /// A tensor in host memory.
    Host(&'a Tensor),
    /// Memory of the executor's device.
    Device(&'a Memory),
}

/// What each input of a graph is fed, by its name.
pub type Feeds<'a> = [(&'a str, Feed<'a>)];

/// Runs a graph. Passes that several tasks or threads ask for follow one another, each with its own values.
pub trait Executor: Debug + Send + Sync {
    /// The graph it runs.
    fn graph(&self) -> &Graph;

    /// What computes each call: the name of a variant, `host`, `reference`.
    fn implementations(&self) -> Vec<&'static str>;

    /// Bytes of the device's memory that it keeps for values between passes: inputs, what calls compute, scratch.
    fn value_bytes(&self) -> u64;

    /// Computes everything from `feeds`, which name every input of the graph, and returns the `wanted` values in the
    /// device's memory.
    ///
    /// An error for a value that no call computes.
    fn compute<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Memory>>;

    /// Computes everything from `feeds` and says how long each call took; nothing where the device has no clock of its own.
    fn compute_timed<'a>(&'a self, feeds: &'a Feeds<'a>) -> Pending<'a, Vec<Duration>>;

    /// [`compute`](Self::compute), with the `wanted` values in host memory.
    fn run<'a>(&'a self, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Tensor>>;
}

/// The feed of the input called `name`; an error where it is missing or its shape is another.
fn feed_of<'a>(graph: &Graph, feeds: &Feeds<'a>, input: Value) -> Result<Feed<'a>> {
    let name = graph.name(input);
    let (_, feed) = feeds
        .iter()
        .find(|(fed, _)| *fed == name)
        .ok_or_else(|| Error::usage(format!("input {name} {} is not given", graph.shape(input))))?;
    let (shape, element) = match feed {
        Feed::Host(tensor) => (tensor.shape(), tensor.element()),
        Feed::Device(memory) => (memory.shape(), memory.element()),
    };
    if let Feed::Device(memory) = feed
        && memory.format().layout != Layout::Rows
    {
        return Err(Error::usage(format!("input {name} lies in rows, but {} is given", memory.format())));
    }
    if shape != graph.shape(input) || element != graph.element(input) {
        return Err(Error::usage(format!("input {name} has shape {shape}, but {} is wanted", graph.shape(input))));
    }
    Ok(*feed)
}
