//! What a device reports about itself.

use serde::{Deserialize, Serialize};

use super::DeviceFamily;
use crate::tensor::named;

/// What sort of hardware answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A GPU seen through a virtual machine.
    Virtual,
    /// Hardware that the driver does not classify.
    Other,
    /// A driver that runs shaders on the CPU.
    Software,
}

named!(
    DeviceKind,
    "a kind of device": Discrete = "discrete", Integrated = "integrated", Virtual = "virtual", Other = "other",
    Software = "software"
);

/// Sizes, in invocations, that a subgroup of this device may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subgroup {
    /// Smallest size.
    pub smallest: u32,
    /// Largest size.
    pub largest: u32,
}

impl Subgroup {
    /// The size, where the device has only one. A kernel that names lanes by number needs that.
    pub fn fixed(self) -> Option<u32> {
        (self.smallest == self.largest && self.largest.is_power_of_two()).then_some(self.largest)
    }
}

/// A product that the device's matrix units offer: D = A·B + C with A of `rows`×`inner`, B of `inner`×`columns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatrixShape {
    /// Rows of A and C.
    pub rows: u32,
    /// Columns of B and C.
    pub columns: u32,
    /// Columns of A, rows of B.
    pub inner: u32,
    /// Element type of A and B.
    pub operands: String,
    /// Element type of C and D.
    pub accumulator: String,
}

impl MatrixShape {
    /// A product of matrices of `edge` rows and columns, of f16 added up in f32: what kernels are written for.
    pub fn square(edge: u32) -> Self {
        let [operands, accumulator] = ["f16", "f32"].map(str::to_owned);
        Self { rows: edge, columns: edge, inner: edge, operands, accumulator }
    }

    fn of(adapter: &wgpu::Adapter) -> Vec<Self> {
        let shapes = adapter.cooperative_matrix_properties().into_iter().map(|shape| Self {
            rows: shape.m_size,
            columns: shape.n_size,
            inner: shape.k_size,
            operands: format!("{:?}", shape.ab_type).to_lowercase(),
            accumulator: format!("{:?}", shape.cr_type).to_lowercase(),
        });
        shapes.collect()
    }
}

/// The limits that kernels and plans obey. Bytes and counts are per binding, buffer, workgroup or dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Largest storage binding in bytes.
    pub binding_bytes: u64,
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Storage bindings a kernel may have.
    pub storage_bindings: u32,
    /// Workgroup memory in bytes.
    pub workgroup_bytes: u32,
    /// Invocations in a workgroup.
    pub workgroup_invocations: u32,
    /// Workgroups along one dimension of a dispatch.
    pub workgroups: u32,
    /// A storage binding's offset is a multiple of this, in bytes.
    pub storage_alignment: u32,
    /// A uniform binding's offset is a multiple of this, in bytes.
    pub uniform_alignment: u32,
    /// Loop iterations one invocation may run in all; some software drivers stop silently beyond.
    pub loop_iterations: Option<u32>,
}

impl Limits {
    /// What WebGPU guarantees on every device; no limit on loops.
    pub const WEBGPU: Self = Self {
        binding_bytes: 128 << 20,
        buffer_bytes: 256 << 20,
        storage_bindings: 8,
        workgroup_bytes: 16 << 10,
        workgroup_invocations: 256,
        workgroups: 65_535,
        storage_alignment: 256,
        uniform_alignment: 256,
        loop_iterations: None,
    };
}

/// Everything a kernel's choice of variant may depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// The adapter's name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What sort of hardware it is.
    pub kind: DeviceKind,
    /// Who made it.
    #[serde(default)]
    pub family: DeviceFamily,
    /// 16-bit floats in shaders.
    pub f16: bool,
    /// 64-bit integers in shaders: two floats in one load.
    pub int64: bool,
    /// Subgroup operations, with the sizes that occur; `None` without them.
    pub subgroup: Option<Subgroup>,
    /// GPU timestamps.
    pub timestamps: bool,
    /// Products that matrix units offer; none where the device was opened without them.
    pub matrix_shapes: Vec<MatrixShape>,
    /// The limits.
    pub limits: Limits,
}

impl Capabilities {
    /// A device of this kind with WebGPU's limits, 32 KiB of workgroup memory and subgroups of 8: to plan calls without one.
    pub fn of_kind(kind: DeviceKind) -> Self {
        Self {
            name: "a device".to_owned(),
            backend: "vulkan".to_owned(),
            driver: String::new(),
            kind,
            family: if kind == DeviceKind::Software { DeviceFamily::Software } else { DeviceFamily::Unknown },
            f16: false,
            int64: false,
            subgroup: Some(Subgroup { smallest: 8, largest: 8 }),
            timestamps: false,
            matrix_shapes: Vec::new(),
            limits: Limits { workgroup_bytes: 32 << 10, ..Limits::WEBGPU },
        }
    }

    /// Whether shaders run on the CPU: then workgroup memory is slow, and registers are fast.
    pub fn is_software(&self) -> bool {
        self.kind == DeviceKind::Software
    }

    /// The subgroup size, where there is exactly one.
    pub fn subgroup_size(&self) -> Option<u32> {
        self.subgroup.and_then(Subgroup::fixed)
    }

    /// The edge of the square matrices of f16 that its matrix units multiply and add up in f32, the largest of which WGSL
    /// has a type, 16 or 8; `None` where they offer none.
    pub fn matrix_edge(&self) -> Option<u32> {
        [16, 8].into_iter().find(|&edge| self.matrix_shapes.contains(&MatrixShape::square(edge)))
    }

    pub(super) fn of_adapter(adapter: &wgpu::Adapter) -> Self {
        Self {
            matrix_shapes: MatrixShape::of(adapter),
            ..Self::new(&adapter.get_info(), adapter.features(), &adapter.limits())
        }
    }

    /// Of a device with the features and limits that it was opened with.
    pub(super) fn of_opened(adapter: &wgpu::Adapter, device: &wgpu::Device) -> Self {
        let has_matrices = device.features().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
        Self {
            matrix_shapes: if has_matrices { MatrixShape::of(adapter) } else { Vec::new() },
            ..Self::new(&adapter.get_info(), device.features(), &device.limits())
        }
    }

    pub(super) fn of_device(device: &wgpu::Device) -> Self {
        Self::new(&device.adapter_info(), device.features(), &device.limits())
    }

    fn new(info: &wgpu::AdapterInfo, features: wgpu::Features, limits: &wgpu::Limits) -> Self {
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
            wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            wgpu::DeviceType::Other => DeviceKind::Other,
        };
        let subgroup = features
            .contains(wgpu::Features::SUBGROUP)
            .then_some(Subgroup { smallest: info.subgroup_min_size, largest: info.subgroup_max_size });
        Self {
            name: info.name.clone(),
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            kind,
            family: DeviceFamily::of(info),
            f16: features.contains(wgpu::Features::SHADER_F16),
            int64: features.contains(wgpu::Features::SHADER_INT64),
            subgroup,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            matrix_shapes: Vec::new(),
            limits: Limits {
                binding_bytes: limits.max_storage_buffer_binding_size,
                buffer_bytes: limits.max_buffer_size,
                storage_bindings: limits.max_storage_buffers_per_shader_stage,
                workgroup_bytes: limits.max_compute_workgroup_storage_size,
                workgroup_invocations: limits.max_compute_invocations_per_workgroup,
                workgroups: limits.max_compute_workgroups_per_dimension,
                storage_alignment: limits.min_storage_buffer_offset_alignment,
                uniform_alignment: limits.min_uniform_buffer_offset_alignment,
                loop_iterations: loop_iterations(kind, &info.driver_info),
            },
        }
    }
}

/// Mesa's llvmpipe before version 25 ends every loop of an invocation, without an error, once it has run 65,535
/// iterations in all (measured on 22.3.6; 25.0.7 does not). A software driver of
/// unknown version is treated as an old one.
fn loop_iterations(kind: DeviceKind, driver: &str) -> Option<u32> {
    let version = driver.strip_prefix("Mesa ").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    (kind == DeviceKind::Software && version.is_none_or(|version| version < 25)).then_some(65_535)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_the_largest_square_ones_that_wgsl_has() {
        let with = |shapes: &[MatrixShape]| {
            Capabilities { matrix_shapes: shapes.to_vec(), ..Capabilities::of_kind(DeviceKind::Discrete) }.matrix_edge()
        };
        let flat = MatrixShape { inner: 8, ..MatrixShape::square(16) };
        let halves = MatrixShape { accumulator: "f16".to_owned(), ..MatrixShape::square(16) };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[flat.clone(), halves.clone(), MatrixShape::square(32)]), None);
        assert_eq!(with(&[flat, MatrixShape::square(8), halves]), Some(8));
        assert_eq!(with(&[MatrixShape::square(8), MatrixShape::square(16)]), Some(16));
    }

    #[test]
    fn old_and_unknown_software_drivers_stop_their_loops() {
        let software = |driver| loop_iterations(DeviceKind::Software, driver);
        assert_eq!(software("Mesa 22.3.6 (LLVM 15.0.6)"), Some(65_535));
        assert_eq!(software("Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)"), None);
        assert_eq!(software("something else"), Some(65_535));
        assert_eq!(loop_iterations(DeviceKind::Discrete, "Mesa 22.3.6"), None);
    }
}
