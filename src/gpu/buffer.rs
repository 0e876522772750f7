//! Device memory.

use std::ops::Range;

/// A piece of device memory, in bytes. Cloning shares it; it is freed with its last owner.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub(super) raw: wgpu::Buffer,
}

impl Buffer {
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.raw.size()
    }

    /// The whole of it, to be bound.
    pub fn whole(&self) -> Window {
        self.window(0..self.bytes())
    }

    /// A part of it, to be bound: `range` in bytes, its start a multiple of the device's alignment.
    pub fn window(&self, range: Range<u64>) -> Window {
        Window { buffer: self.clone(), range }
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
        self.range.end - self.range.start
    }

    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer.raw,
            offset: self.range.start,
            size: std::num::NonZeroU64::new(self.range.end - self.range.start),
        })
    }
}
