//! Which of the machine's devices is opened, and how.

use std::fmt;
use std::str::FromStr;

use super::{Capabilities, DeviceKind, Pending};
use crate::tensor::{Error, ErrorKind, Result};

/// Which of the machine's devices to open.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GpuChoice {
    /// The device that is likely fastest: discrete, integrated, virtual, other, software, in this order.
    #[default]
    Fastest,
    /// The fastest that is no software device.
    Hardware,
    /// The device with this index in [`devices_async`].
    Index(usize),
    /// The first whose name contains this, whatever the case.
    Name(String),
    /// The first of this kind.
    Kind(DeviceKind),
}

impl FromStr for GpuChoice {
    type Err = Error;

    /// `fastest`, `hardware`, a [kind](DeviceKind), an index, or a part of a name.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match (text, text.parse(), text.parse()) {
            ("", ..) => return Err(Error::usage("an empty device name; give a name, an index, or a kind")),
            ("fastest", ..) => Self::Fastest,
            ("hardware", ..) => Self::Hardware,
            (_, Ok(kind), _) => Self::Kind(kind),
            (_, _, Ok(index)) => Self::Index(index),
            _ => Self::Name(text.to_owned()),
        })
    }
}

/// What [`FromStr`] takes.
impl fmt::Display for GpuChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fastest => f.write_str("fastest"),
            Self::Hardware => f.write_str("hardware"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
            Self::Kind(kind) => write!(f, "{kind}"),
        }
    }
}

impl GpuChoice {
    /// The index of the chosen device in `devices`; `None` where none matches.
    pub fn index_in(&self, devices: &[Capabilities]) -> Option<usize> {
        match self {
            Self::Fastest => (0..devices.len()).min_by_key(|&index| devices[index].kind),
            Self::Hardware => Self::Fastest.index_in(devices).filter(|&index| !devices[index].is_software()),
            Self::Index(index) => Some(*index).filter(|index| *index < devices.len()),
            Self::Name(name) => {
                let wanted = name.to_lowercase();
                devices.iter().position(|device| device.name.to_lowercase().contains(&wanted))
            }
            Self::Kind(kind) => devices.iter().position(|device| device.kind == *kind),
        }
    }
}

/// How a device is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GpuOptions {
    /// Which device.
    pub choice: GpuChoice,
    /// Whether this crate's kernels check array bounds and bound their loops. On by default; measurements may turn it off.
    /// Kernels from outside the crate always do.
    pub checks: bool,
    /// Whether the device is held to what every browser allows: WebGPU's own rules, features and default limits, whatever
    /// else it could do.
    pub webgpu: bool,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self { choice: GpuChoice::Fastest, checks: true, webgpu: false }
    }
}

impl GpuOptions {
    /// The fastest device, with checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens this device.
    #[must_use]
    pub fn choice(self, choice: GpuChoice) -> Self {
        Self { choice, ..self }
    }

    /// Whether this crate's kernels check array bounds and bound their loops.
    #[must_use]
    pub fn checks(self, checks: bool) -> Self {
        Self { checks, ..self }
    }

    /// Whether the device is held to what every browser allows.
    #[must_use]
    pub fn webgpu(self, webgpu: bool) -> Self {
        Self { webgpu, ..self }
    }
}

/// The capabilities of every device of this machine, in the order that [`GpuChoice::Index`] counts.
#[cfg(not(target_arch = "wasm32"))]
pub fn devices() -> Result<Vec<Capabilities>> {
    devices_async().wait()
}

/// The capabilities of every device of this machine, in the order that [`GpuChoice::Index`] counts, as a future.
pub fn devices_async() -> Pending<'static, Vec<Capabilities>> {
    Pending::new(async { Ok(adapters(false).await.iter().map(Capabilities::of_adapter).collect()) })
}

async fn adapters(webgpu: bool) -> Vec<wgpu::Adapter> {
    let backends =
        wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12 | wgpu::Backends::BROWSER_WEBGPU;
    let strict = wgpu::InstanceFlags::STRICT_WEBGPU_COMPLIANCE;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: if webgpu { strict } else { wgpu::InstanceFlags::empty() },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    instance.enumerate_adapters(backends).await
}

/// The adapter that was asked for, and what to ask of it.
pub(super) struct Found {
    pub(super) adapter: wgpu::Adapter,
    pub(super) features: wgpu::Features,
    pub(super) limits: wgpu::Limits,
}

pub(super) async fn find(options: &GpuOptions) -> Result<Found> {
    let adapter = choose(adapters(options.webgpu).await, &options.choice)?;
    let wanted = wgpu::Features::SUBGROUP
        | wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::SHADER_F16
        | wgpu::Features::SHADER_INT64;
    let mut features = adapter.features() & wanted;
    // Matrix units that kernels can use; no browser has them.
    let has_matrices = !options.webgpu && Capabilities::of_adapter(&adapter).matrix_edge().is_some();
    if has_matrices && features.contains(wgpu::Features::SHADER_F16) {
        features |= adapter.features() & wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    }
    let limits = if options.webgpu { wgpu::Limits::defaults() } else { adapter.limits() };
    Ok(Found { adapter, features, limits })
}

fn choose(adapters: Vec<wgpu::Adapter>, choice: &GpuChoice) -> Result<wgpu::Adapter> {
    let found: Vec<_> = adapters.iter().map(Capabilities::of_adapter).collect();
    if found.is_empty() {
        return Err(Error::new(ErrorKind::NoDevice, NO_DEVICE));
    }
    choice.index_in(&found).and_then(|index| adapters.into_iter().nth(index)).ok_or_else(|| {
        let names: Vec<_> = found
            .iter()
            .enumerate()
            .map(|(index, device)| format!("{index}: {} ({})", device.name, device.kind))
            .collect();
        let wanted = match choice {
            GpuChoice::Fastest => "at all".to_owned(),
            GpuChoice::Hardware => "but software".to_owned(),
            GpuChoice::Index(index) => format!("number {index}"),
            GpuChoice::Name(name) => format!("named {name:?}"),
            GpuChoice::Kind(kind) => format!("of kind {kind}"),
        };
        Error::new(ErrorKind::NoDevice, format!("no device {wanted}; the devices here are {}", names.join(", ")))
    })
}

const NO_DEVICE: &str = if cfg!(target_os = "linux") {
    "no Vulkan device found: install your GPU's driver, or a software device (on Debian: apt-get install mesa-vulkan-drivers libvulkan1)"
} else if cfg!(target_os = "macos") {
    "no Metal device found: this Mac's GPU does not answer"
} else {
    "no Vulkan or DX12 device found: install your GPU's driver"
};
