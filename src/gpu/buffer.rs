//! Memory of a GPU.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::DeviceId;
use crate::tensor::{Error, ErrorKind, Result};

/// A piece of device memory, in bytes. Cloning shares it; it is freed with its last owner.
#[derive(Clone, Debug)]
pub struct Buffer {
    raw: Arc<dyn Raw>,
    pub(super) device: DeviceId,
}

/// wgpu's buffer, known to be shared between threads. Without it the compiler looks through all of wgpu for that wherever
/// something that holds a buffer is sent, a model in the state of a server for one, and gives up at its usual depth.
trait Raw: fmt::Debug + Send + Sync {
    fn wgpu(&self) -> &wgpu::Buffer;
}

impl Raw for wgpu::Buffer {
    fn wgpu(&self) -> &wgpu::Buffer {
        self
    }
}

impl Buffer {
    pub(super) fn new(raw: wgpu::Buffer, device: DeviceId) -> Self {
        Self { raw: Arc::new(raw), device }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.wgpu().size()
    }

    /// The wgpu buffer, for an application's own kernels. It can be bound as storage and as uniform, copied from and copied
    /// to. Others may share it: read from it, and write only to a copy.
    pub fn wgpu(&self) -> &wgpu::Buffer {
        self.raw.wgpu()
    }

    /// The device that it belongs to.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The whole buffer, to be bound.
    pub fn whole(&self) -> Window {
        self.window(0..self.bytes())
    }

    /// A part of the buffer, to be bound: `range` in bytes, its start a multiple of the device's alignment.
    pub fn window(&self, range: Range<u64>) -> Window {
        Window { buffer: self.clone(), range }
    }

    /// An error where `range` (bytes) runs backwards or beyond the end.
    pub(super) fn check(&self, range: &Range<u64>) -> Result<()> {
        if range.start <= range.end && range.end <= self.bytes() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "bytes {}..{} are not inside a buffer of {} bytes",
            range.start,
            range.end,
            self.bytes()
        )))
    }
}

/// A range of a [`Buffer`] in bytes, as a kernel's binding sees it.
#[derive(Clone, Debug)]
pub struct Window {
    pub(super) buffer: Buffer,
    pub(super) range: Range<u64>,
}

impl Window {
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// An error where it is empty or outside its buffer.
    pub(super) fn check(&self) -> Result<()> {
        // wgpu takes a binding without a size for all of the rest.
        if self.range.start == self.range.end {
            return Err(Error::usage(format!("the window {}..{} is empty", self.range.start, self.range.end)));
        }
        self.buffer.check(&self.range)
    }

    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.buffer.wgpu(),
            offset: self.range.start,
            size: std::num::NonZeroU64::new(self.bytes()),
        })
    }
}

/// Memory that [`Commands::read`](super::Commands::read) copies to and the host reads.
#[derive(Debug)]
pub struct Readback {
    pub(super) buffer: Buffer,
    bytes: u64,
}

impl Readback {
    pub(super) fn new(buffer: Buffer, bytes: u64) -> Self {
        Self { buffer, bytes }
    }

    /// The bytes that were copied; an error before the commands that copy them have run.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mapped = self.buffer.wgpu().get_mapped_range(0..self.bytes);
        let mapped = mapped.map_err(|_| Error::new(ErrorKind::Device, "the device's memory cannot be read back"))?;
        Ok(mapped.to_vec())
    }
}
