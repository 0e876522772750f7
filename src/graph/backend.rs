//! What runs graphs: a GPU, the host, the references.

use std::fmt::Debug;
use std::sync::Arc;

use super::{DeviceWeights, Executor, Graph, Memory};
use crate::gpu::{DeviceId, Gpu, Pending};
use crate::kernels::{Precision, Selection};
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

    /// Compiles `graph`, uploads the weights that it uses and allocates what it needs, once for many runs.
    ///
    /// An error of usage where `options` ask for what only kernels in WGSL have, and it runs none.
    fn prepare<'a>(
        &'a self,
        graph: Arc<Graph>,
        weights: &'a DeviceWeights,
        options: &'a ExecutorOptions,
    ) -> Pending<'a, Box<dyn Executor>>;

    /// Takes a tensor into its memory, in this format where it is a GPU. `name` is for errors.
    fn upload<'a>(&'a self, name: &'a str, tensor: Tensor, format: Format) -> Pending<'a, Memory>;

    /// The tensor in host memory.
    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor>;

    /// Tensors one behind another, as one of `shape`.
    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory>;
}

/// How an [`Executor`] is prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutorOptions {
    /// Kernel variants to run instead of the device's own choice.
    pub variants: Selection,
    /// How precisely weights are stored.
    pub precision: Precision,
}

impl ExecutorOptions {
    /// An error where they ask for what only the kernels in WGSL have, for backends that have others.
    pub(super) fn without_wgsl(&self) -> Result<()> {
        let asked = match (self.variants.is_automatic(), self.precision) {
            (true, Precision::F32) => return Ok(()),
            (false, _) => "variants are",
            (true, _) => "weights of f16 are",
        };
        Err(Error::usage(format!("{asked} of the kernels in WGSL; name a device that runs them")))
    }
}

impl From<Selection> for ExecutorOptions {
    /// With these variants, and f32 everywhere.
    fn from(variants: Selection) -> Self {
        Self { variants, ..Self::default() }
    }
}
