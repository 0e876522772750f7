//! Compiled kernels and what is bound to them.

use super::DeviceId;

/// What a binding of a kernel is, in the order of its `@binding` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// `var<uniform>`: the kernel's sizes and switches.
    Uniform,
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    Write,
}

impl Slot {
    pub(super) fn layout(self, binding: usize) -> wgpu::BindGroupLayoutEntry {
        let ty = match self {
            Self::Uniform => wgpu::BufferBindingType::Uniform,
            Self::Read => wgpu::BufferBindingType::Storage { read_only: true },
            Self::Write => wgpu::BufferBindingType::Storage { read_only: false },
        };
        wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        }
    }
}

/// A kernel compiled for a device. Cloning shares it.
///
/// Some drivers compile at the first dispatch only, which then takes seconds.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub(super) raw: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) device: DeviceId,
}

/// The windows that a dispatch of a [`Pipeline`] reads and writes.
#[derive(Clone, Debug)]
pub struct Bindings {
    pub(super) raw: wgpu::BindGroup,
    pub(super) device: DeviceId,
}
