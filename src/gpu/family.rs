//! Who made a device.

use serde::{Deserialize, Serialize};

use crate::tensor::named;

/// A family of devices that are built alike, as far as the vendor tells: what was measured on one says something about the
/// others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceFamily {
    /// GPUs by NVIDIA.
    Nvidia,
    /// GPUs by AMD.
    Amd,
    /// GPUs by Intel.
    Intel,
    /// GPUs by Apple.
    Apple,
    /// Mali and Immortalis, by Arm.
    Arm,
    /// Adreno, by Qualcomm.
    Qualcomm,
    /// Drivers that run shaders on the CPU, whoever made it.
    Software,
    /// Everything else, and devices whose vendor is not told.
    #[default]
    Unknown,
}

named!(
    DeviceFamily,
    "a family of devices": Nvidia = "nvidia", Amd = "amd", Intel = "intel", Apple = "apple", Arm = "arm",
    Qualcomm = "qualcomm", Software = "software", Unknown = "unknown"
);

impl DeviceFamily {
    /// By the vendor's number among PCI devices, or the one that Khronos or Microsoft has given it; Metal tells no number, but
    /// names that begin with the vendor's.
    pub(super) fn of(info: &wgpu::AdapterInfo) -> Self {
        if info.device_type == wgpu::DeviceType::Cpu {
            return Self::Software;
        }
        match info.vendor {
            0x10de => Self::Nvidia,
            0x1002 | 0x1022 => Self::Amd,
            0x8086 => Self::Intel,
            0x106b => Self::Apple,
            0x13b5 => Self::Arm,
            0x5143 | 0x4d4f_4351 => Self::Qualcomm,
            0 => Self::named(&info.name),
            _ => Self::Unknown,
        }
    }

    fn named(name: &str) -> Self {
        let vendor = name.split_whitespace().next().unwrap_or_default().to_lowercase();
        match vendor.as_str() {
            "apple" => Self::Apple,
            "amd" => Self::Amd,
            "intel" => Self::Intel,
            "nvidia" => Self::Nvidia,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_told_by_number_or_name() {
        let of = |vendor, name: &str, device_type| {
            let mut info = wgpu::AdapterInfo::new(device_type, wgpu::Backend::Vulkan);
            (info.vendor, info.name) = (vendor, name.to_owned());
            DeviceFamily::of(&info)
        };
        let gpu = wgpu::DeviceType::DiscreteGpu;
        assert_eq!(of(0x10de, "NVIDIA H100 80GB HBM3", gpu), DeviceFamily::Nvidia);
        assert_eq!(of(0x1002, "Radeon RX 7900", gpu), DeviceFamily::Amd);
        assert_eq!(of(0x5143, "Adreno (TM) 740", wgpu::DeviceType::IntegratedGpu), DeviceFamily::Qualcomm);
        assert_eq!(of(0, "Apple M3 Max", wgpu::DeviceType::IntegratedGpu), DeviceFamily::Apple);
        assert_eq!(of(0, "", gpu), DeviceFamily::Unknown);
        assert_eq!(of(0x1_0005, "llvmpipe (LLVM 15.0.6, 256 bits)", wgpu::DeviceType::Cpu), DeviceFamily::Software);
        assert_eq!(of(0x8086, "a CPU of Intel's", wgpu::DeviceType::Cpu), DeviceFamily::Software);
        assert_eq!(of(0x1_0005, "a GPU behind Mesa's own number", gpu), DeviceFamily::Unknown);
    }
}
