//! The WGSL files that compute a kernel, which devices they are for, and how each plans a call.

use std::fmt;

use crate::gpu::Capabilities;
use crate::kernels::shader::dispatches::Launch;
use crate::kernels::shader::{Dispatches, WorkgroupTile};
use crate::tensor::{Element, Error, Format};

/// A WGSL file: a template of the folder `shaders/`, or one from elsewhere.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Shader {
    /// Its name below `shaders/`.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Whether it belongs to this crate, whose tests run it with guards behind all operands.
    pub(super) own: bool,
}

impl Shader {
    /// A shader from outside the crate: it always runs with checks of array bounds and loops.
    pub const fn new(file: &'static str, text: &'static str) -> Self {
        Self { file, text, own: false }
    }

    /// A shader of this crate.
    pub(in crate::kernels) const fn own(file: &'static str, text: &'static str) -> Self {
        Self { file, text, own: true }
    }
}

impl Shader {
    /// The part of the file's name between its last two dots, `plain` where it has one dot.
    const fn suffix(&self) -> &'static str {
        let bytes = self.file.as_bytes();
        let mut end = bytes.len();
        while end > 0 && bytes[end - 1] != b'.' {
            end -= 1;
        }
        let mut start = end.saturating_sub(1);
        while start > 0 && bytes[start - 1] != b'.' && bytes[start - 1] != b'/' {
            start -= 1;
        }
        match start > 0 && bytes[start - 1] == b'.' {
            true => self.file.split_at(end - 1).0.split_at(start).1,
            false => "plain",
        }
    }
}

/// The [`Shader`] at a path below `shaders/`.
macro_rules! wgsl {
    ($file:literal) => {
        $crate::kernels::shader::Shader::own(
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
        )
    };
}
pub(in crate::kernels) use wgsl;

/// One WGSL file that computes a kernel's formula.
#[derive(Debug)]
#[non_exhaustive]
pub struct Variant {
    /// `plain`, `subgroup`, `workgroup`, …: the suffix of the WGSL file (`plain` has none), or the name of its tile.
    pub name: &'static str,
    /// The WGSL.
    pub shader: Shader,
    /// What a device must have to run it.
    pub needs: Needs,
    /// The devices it is meant for.
    pub class: DeviceClass,
    /// The tile that it is rendered for, where that is declared; other variants of the file choose theirs.
    pub tile: Option<WorkgroupTile>,
}

/// A variant of the kernel `K`, and how it plans a call: it sees the sizes and the device, and writes its dispatches or
/// says why it does not fit.
#[derive(Debug)]
#[non_exhaustive]
pub struct Planned<K: 'static> {
    /// The variant.
    pub variant: Variant,
    /// Writes the dispatches of a call.
    pub plan: Planner<K>,
}

/// How a variant plans a call of the kernel `K`.
pub type Planner<K> = fn(&K, &mut Dispatches<'_>) -> Result<(), Unfit>;

impl<K: 'static> Planned<K> {
    /// For devices whose shaders run on the CPU.
    pub const fn software(shader: Shader, needs: Needs, plan: Planner<K>) -> Self {
        Self { variant: Variant::new(shader, needs, DeviceClass::Software), plan }
    }

    /// For GPUs.
    pub const fn gpu(shader: Shader, needs: Needs, plan: Planner<K>) -> Self {
        Self { variant: Variant::new(shader, needs, DeviceClass::Gpu), plan }
    }

    /// For GPUs, with a tile by whose name it goes.
    pub(in crate::kernels) const fn tile(shader: Shader, tile: WorkgroupTile, plan: Planner<K>) -> Self {
        let (name, needs, class) = (tile.name, tile.needs(), DeviceClass::Gpu);
        Self { variant: Variant { name, shader, needs, class, tile: Some(tile) }, plan }
    }

    /// For devices that have nothing better.
    pub const fn any(shader: Shader, needs: Needs, plan: Planner<K>) -> Self {
        Self { variant: Variant::new(shader, needs, DeviceClass::Any), plan }
    }
}

/// Why a variant cannot compute a call on a device: another one may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl Unfit {
    /// Unfit for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

/// How a variant computes one call on one device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The variant.
    pub variant: &'static Variant,
    /// The format of the operand of each binding.
    pub formats: Vec<Format>,
    /// Bytes of scratch at each binding; 0 where it needs none.
    pub scratch: Vec<u64>,
    /// Its dispatches, in order.
    pub launches: Vec<Launch>,
}

/// What a variant needs of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needs {
    /// Subgroup operations with one known subgroup size.
    pub subgroup: bool,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations in a workgroup; 0 where a workgroup is one subgroup.
    pub invocations: u32,
    /// 16-bit floats in shaders. What needs them multiplies halves: it computes at [`Precision::F16`](super::Precision::F16),
    /// and at no other precision.
    pub f16: bool,
    /// Matrix units that multiply square matrices of halves and add up in f32: see
    /// [`Capabilities::matrix_edge`](crate::gpu::Capabilities::matrix_edge).
    pub matrices: bool,
}

impl Needs {
    /// Workgroups of one subgroup each, of one known size, and nothing else.
    pub const fn subgroup() -> Self {
        Self { subgroup: true, workgroup_bytes: 0, invocations: 0, f16: false, matrices: false }
    }

    /// Workgroups of this many invocations, and nothing else.
    pub const fn invocations(invocations: u32) -> Self {
        Self { subgroup: false, workgroup_bytes: 0, invocations, f16: false, matrices: false }
    }

    /// The same and this much workgroup memory.
    #[must_use]
    pub const fn workgroup_bytes(self, workgroup_bytes: u32) -> Self {
        Self { workgroup_bytes, ..self }
    }

    /// The same and 16-bit floats.
    #[must_use]
    pub const fn f16(self) -> Self {
        Self { f16: true, ..self }
    }

    /// The same and matrix units, which multiply halves, one matrix a subgroup of one known size.
    #[must_use]
    pub const fn matrices(self) -> Self {
        Self { subgroup: true, f16: true, matrices: true, ..self }
    }

    /// The same and workgroup memory for this many floats.
    #[must_use]
    pub const fn workgroup_floats(self, floats: u32) -> Self {
        self.workgroup_bytes(Element::F32.bytes_of(floats as usize) as u32)
    }
}

/// The class of devices a variant is written for. Any device that has what the variant needs can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceClass {
    /// Shaders run on the CPU: registers and few loads count, workgroup memory costs.
    Software,
    /// A GPU: workgroup memory and occupancy count.
    Gpu,
    /// Any device that has nothing better.
    Any,
}

impl Variant {
    /// Named as its WGSL file says: `workgroup` in `linear.workgroup.wgsl`, `plain` in `linear.wgsl`.
    pub const fn new(shader: Shader, needs: Needs, class: DeviceClass) -> Self {
        Self { name: shader.suffix(), shader, needs, class, tile: None }
    }

    /// Whether it is `other` with a tile of its own.
    pub(crate) fn is_tile_of(&self, other: &Self) -> bool {
        self.tile.is_some() && other.tile.is_none() && self.shader.file == other.shader.file
    }

    /// Why `device` cannot run this variant; `None` where it can.
    pub fn missing(&self, device: &Capabilities) -> Option<String> {
        let Needs { subgroup, workgroup_bytes, invocations, f16, matrices } = self.needs;
        if f16 && !device.f16 {
            return Some("16-bit floats in shaders".to_owned());
        }
        if matrices && device.matrix_edge().is_none() {
            return Some("matrix units that multiply 16×16×16 or 8×8×8 f16 and add up in f32".to_owned());
        }
        if subgroup && device.subgroup_size().is_none() {
            return Some("a known subgroup size".to_owned());
        }
        if workgroup_bytes > device.limits.workgroup_bytes {
            return Some(format!("{workgroup_bytes} bytes of workgroup memory"));
        }
        if invocations > device.limits.workgroup_invocations {
            return Some(format!("workgroups of {invocations} invocations"));
        }
        None
    }

    /// How well its class suits `device`: the lower the better.
    pub(in crate::kernels) fn rank(&self, device: &Capabilities) -> u32 {
        let own = if device.is_software() { DeviceClass::Software } else { DeviceClass::Gpu };
        match self.class {
            class if class == own => 0,
            DeviceClass::Any => 1,
            _ => 2,
        }
    }
}
