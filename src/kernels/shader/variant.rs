//! The WGSL files that compute a kernel, and which devices they are for.

use crate::gpu::Capabilities;
use crate::tensor::Error;

/// One WGSL file that computes a family's formula.
#[derive(Debug)]
pub struct Variant {
    /// `plain`, `subgroup`, `workgroup`, …: the suffix of the WGSL file (`plain` has none).
    pub name: &'static str,
    /// The WGSL file below `shaders/`.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// What a device must have to run it.
    pub needs: Needs,
    /// The devices it is meant for.
    pub class: Class,
}

/// What a variant needs of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Needs {
    /// Subgroup operations with one known subgroup size.
    pub subgroup: bool,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations in a workgroup; 0 where a single subgroup does.
    pub invocations: u32,
}

/// The class of devices a variant is written for. Any device that has what the variant needs can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Shaders run on the CPU: registers and few loads count, workgroup memory costs.
    Software,
    /// A GPU: workgroup memory and occupancy count.
    Gpu,
    /// Whatever has nothing better.
    Any,
}

impl Variant {
    /// Why `device` cannot run this variant; `None` where it can.
    pub fn missing(&self, device: &Capabilities) -> Option<String> {
        let Needs { subgroup, workgroup_bytes, invocations } = self.needs;
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

    /// What [`Kernel::launches`](crate::kernels::Kernel::launches) answers to a variant that it does not know.
    pub fn unknown(&self) -> Error {
        Error::usage(format!("variant {:?} ({}) is not one that this kernel launches", self.name, self.file))
    }
}
