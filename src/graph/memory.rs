//! Memory of a device.

use std::sync::Arc;

use crate::gpu::{Buffer, DeviceId, Gpu};
#[cfg(feature = "cpu")]
use crate::tensor::Tensor;
use crate::tensor::{Element, Error, Exact, Format, Result, Shape};

/// A tensor in the memory of a device. Cloning shares it; it is freed with its last owner.
#[derive(Clone, Debug)]
pub struct Memory {
    device: DeviceId,
    shape: Shape,
    format: Format,
    content: Content,
}

/// What holds the elements.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Memory of a GPU that begins with the tensor.
    Buffer(Buffer),
    /// Memory of the host.
    #[cfg(feature = "cpu")]
    Tensor(Arc<Tensor>),
    /// What a reference has computed.
    Exact(Arc<Exact>),
}

impl Memory {
    pub(super) fn new(device: DeviceId, shape: Shape, format: Format, content: Content) -> Self {
        Self { device, shape, format, content }
    }

    /// A buffer of a GPU that begins with a tensor of `shape`; an error for one that is smaller.
    pub fn from_buffer(buffer: Buffer, shape: impl Into<Shape>, element: Element) -> Result<Self> {
        let (device, shape, format) = (buffer.device(), shape.into(), Format::rows(element));
        let (given, wanted) = (buffer.bytes(), format.bytes(&shape));
        if given < wanted {
            return Err(Error::usage(format!("a tensor of shape {shape} needs {wanted} bytes, {given} are given")));
        }
        Ok(Self { device, shape, format, content: Content::Buffer(buffer) })
    }

    /// Memory of a GPU for a tensor of `shape`, which holds nothing yet. `name` is for errors.
    pub(super) async fn empty(gpu: &Gpu, name: &str, shape: &Shape, format: Format) -> Result<Self> {
        let buffer = gpu.buffer(name, format.bytes(shape)).await?;
        Ok(Self::new(gpu.id(), shape.clone(), format, Content::Buffer(buffer)))
    }

    /// The device that it belongs to.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.format.element
    }

    /// Type and order of the elements.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes of the device's memory.
    pub fn bytes(&self) -> u64 {
        match &self.content {
            Content::Buffer(buffer) => buffer.bytes(),
            #[cfg(feature = "cpu")]
            Content::Tensor(tensor) => tensor.as_bytes().len() as u64,
            Content::Exact(exact) => (size_of::<f64>() * exact.shape().elements()) as u64,
        }
    }

    /// The buffer of a GPU; an error for memory of the host.
    ///
    /// The buffer begins with the tensor, laid out as [`format`](Self::format) says. Passes return values in rows: without
    /// gaps, the last axis contiguous. The tensor has `self.format().bytes(self.shape())` bytes; the buffer may be longer.
    pub fn buffer(&self) -> Result<&Buffer> {
        match &self.content {
            Content::Buffer(buffer) => Ok(buffer),
            _ => Err(Error::usage("the tensor is in memory of the host, not in a buffer of a GPU")),
        }
    }

    /// The tensor on the host; an error for memory of another device.
    #[cfg(feature = "cpu")]
    pub(super) fn tensor(&self) -> Result<&Arc<Tensor>> {
        match &self.content {
            Content::Tensor(tensor) => Ok(tensor),
            _ => Err(Error::usage("the tensor is in memory of another device, not of the host")),
        }
    }

    /// What the references computed; an error for memory of another device.
    pub(super) fn exact(&self) -> Result<&Arc<Exact>> {
        match &self.content {
            Content::Exact(exact) => Ok(exact),
            _ => Err(Error::usage("the tensor is in memory of another device, not of the references")),
        }
    }

    /// Memory like this of the host, with these `values` from element `start` on; an error for a buffer of a GPU.
    pub(super) fn overwritten(&self, start: usize, values: &[f32]) -> Result<Self> {
        let content = match &self.content {
            Content::Buffer(_) => {
                return Err(Error::usage("the tensor is in a buffer of a GPU, not in memory of the host"));
            }
            #[cfg(feature = "cpu")]
            Content::Tensor(tensor) => {
                let own = overwritten(tensor.as_f32()?, start, values);
                Content::Tensor(Arc::new(Tensor::f32(self.shape.clone(), own)?))
            }
            Content::Exact(exact) => {
                let own = overwritten(exact.reals()?, start, values);
                Content::Exact(Arc::new(Exact::from_reals(self.shape.clone(), own)?))
            }
        };
        Ok(Self { content, ..self.clone() })
    }

    /// An error where it does not belong to `device`, which is called `name`.
    pub(super) fn check(&self, device: DeviceId, name: &str) -> Result<()> {
        match self.device == device {
            true => Ok(()),
            false => {
                let shape = &self.shape;
                Err(Error::usage(format!("a tensor of shape {shape} belongs to another open device than this {name}")))
            }
        }
    }
}

/// `whole` with `values` from element `start` on.
fn overwritten<T: From<f32> + Copy>(whole: &[T], start: usize, values: &[f32]) -> Vec<T> {
    let (before, behind) = (whole.iter().take(start), whole.iter().skip(start + values.len()));
    before.copied().chain(values.iter().map(|value| T::from(*value))).chain(behind.copied()).collect()
}
