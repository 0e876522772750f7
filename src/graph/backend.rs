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
    /// The identity of this open device.
    fn id(&self) -> DeviceId;

    /// The name of the adapter or the processor.
    fn name(&self) -> &str;

    /// The GPU, where the backend is one.
    fn gpu(&self) -> Option<&Gpu> {
        None
    }

    /// Bytes of the largest value that it can hold.
    fn largest_value(&self) -> u64;

    /// An error of usage where `options` ask for variants or for f16 and the backend runs no WGSL;
    /// [`Unsupported`](crate::tensor::ErrorKind::Unsupported) where they ask for arithmetic in f16 and its shaders have none.
    fn check_options(&self, options: &ExecutorOptions) -> Result<()> {
        match self.gpu().map(Gpu::capabilities) {
            None => options.without_wgsl(),
            Some(device) if options.precision == Precision::F16 && !device.f16 => Err(Error::unsupported(format!(
                "{} has no 16-bit floats in shaders; compute at precision {} or {}",
                device.name,
                Precision::F16Weights,
                Precision::F32
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Compiles `graph`, uploads the weights that it uses and allocates what it needs, once for many runs.
    ///
    /// An error for options that [`check_options`](Self::check_options) refuses.
    fn prepare<'a>(
        &'a self,
        graph: Arc<Graph>,
        weights: &'a DeviceWeights,
        options: &'a ExecutorOptions,
    ) -> Pending<'a, Box<dyn Executor>>;

    /// Copies a tensor to its memory; on a GPU it lies there in `format`. `name` is for errors.
    fn upload<'a>(&'a self, name: &'a str, tensor: Tensor, format: Format) -> Pending<'a, Memory>;

    /// The tensor in host memory.
    fn read<'a>(&'a self, memory: &'a Memory) -> Pending<'a, Tensor>;

    /// Concatenates tensors, in order, to one of `shape`, along the one axis on which they are smaller; an error for
    /// parts that differ from it on another axis, or do not add up to it.
    fn join<'a>(&'a self, parts: &'a [Memory], shape: &'a Shape) -> Pending<'a, Memory>;
}

/// How an [`Executor`] is prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// Kernel variants to run instead of the device's own choice.
    pub variants: Selection,
    /// How precisely weights are stored and products computed.
    pub precision: Precision,
}

impl ExecutorOptions {
    /// The device's own choice of variants, and f32 everywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs these kernel variants instead of the device's own choice.
    #[must_use]
    pub fn variants(self, variants: Selection) -> Self {
        Self { variants, ..self }
    }

    /// Stores weights and computes products as precisely as this.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// For backends that run no WGSL: an error where the options ask for variants or f16.
    fn without_wgsl(&self) -> Result<()> {
        let asked = match (self.variants.is_automatic(), self.precision) {
            (true, Precision::F32) => return Ok(()),
            (false, _) => "kernel variants",
            (true, Precision::F16Weights) => "weights in f16",
            (true, Precision::F16) => "arithmetic in f16",
        };
        Err(Error::usage(format!("only kernels in WGSL have {asked}; name a device that runs them")))
    }
}

impl From<Selection> for ExecutorOptions {
    /// With these variants, and f32 everywhere.
    fn from(variants: Selection) -> Self {
        Self { variants, ..Self::default() }
    }
}
