//! What runs graphs: a GPU, the host, the references.

use std::fmt::Debug;
use std::sync::Arc;

use super::{DeviceWeights, Executor, Graph, Memory};
use crate::gpu::{DeviceId, Gpu};
use crate::kernels::Selection;
use crate::tensor::{Error, Format, Result, Shape, Tensor};

/// Something that runs graphs, and owns the memory that they work in.
///
/// Memory of one backend given to another is an error of usage, never a wrong answer.
pub trait Backend: Debug + Send + Sync {
    /// What tells it from other open devices.
    fn id(&self) -> DeviceId;

    /// What it is called: the adapter's name, or that of the processor.
    fn name(&self) -> &str;

    /// The GPU, for one that is.
    fn gpu(&self) -> Option<&Gpu> {
        None
    }

    /// Bytes of the largest value that it holds.
    fn largest_value(&self) -> u64;

    /// Compiles `graph`, uploads the weights that it uses and allocates what it needs, once for many runs; with the
    /// variants that `selection` asks for where there are any.
    fn prepare(&self, graph: Arc<Graph>, weights: &DeviceWeights, selection: &Selection) -> Result<Box<dyn Executor>>;

    /// Takes a tensor into its memory, in this format where it is a GPU. `name` is for errors.
    fn upload(&self, name: &str, tensor: Tensor, format: Format) -> Result<Memory>;

    /// The tensor in host memory.
    fn read(&self, memory: &Memory) -> Result<Tensor>;

    /// Tensors one behind another, as one of `shape`.
    fn join(&self, parts: &[Memory], shape: &Shape) -> Result<Memory>;
}

/// An error where variants are asked for of a backend that has none.
pub(super) fn refuse_variants(selection: &Selection) -> Result<()> {
    match selection.is_automatic() {
        true => Ok(()),
        false => Err(Error::usage("variants are of the kernels in WGSL; name a device that runs them")),
    }
}
