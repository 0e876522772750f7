//! Devices: what a model runs on.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::Backend;
use super::reference::References;
use crate::gpu::{Gpu, GpuChoice, GpuOptions, Pending, WgpuHandles};
use crate::tensor::{Error, ErrorKind, Result};

/// Where models run: a GPU, the host's processor, or the naive references. Cloning shares it.
///
/// It is a [`Backend`], whose methods it has. A GPU that the caller already has becomes one by
/// [`Gpu::from_wgpu`] and [`From`].
///
/// ```no_run
/// use tubelet::gpu::{Gpu, wgpu};
/// use tubelet::{Device, DeviceOptions};
///
/// # fn shown(device: wgpu::Device, queue: wgpu::Queue) -> tubelet::Result<()> {
/// let fastest = Device::open(&DeviceOptions::new())?;
/// let processor = Device::open(&DeviceOptions::new().choice("cpu".parse()?))?;
/// let shared: Device = Gpu::from_wgpu(device, queue).into();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Device(Arc<dyn Backend>);

/// Which device to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The fastest GPU that is no software device; where there is none, the host's processor, or, without the feature `cpu`,
    /// the software device.
    #[default]
    Fastest,
    /// One that runs the kernels in WGSL: a GPU, or the software device.
    Gpu(GpuChoice),
    /// The host's own processor, without any driver.
    Host,
    /// The naive references: plain loops in f64 on the host. Slow, and right.
    References,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    /// `fastest`, `cpu`, `gpu` (the fastest that runs WGSL, be it the software device), `references`, or what [`GpuChoice`]
    /// takes.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "fastest" => Ok(Self::Fastest),
            "cpu" => Ok(Self::Host),
            "gpu" => Ok(Self::Gpu(GpuChoice::Fastest)),
            "references" => Ok(Self::References),
            _ => text.parse().map(Self::Gpu),
        }
    }
}

/// What [`FromStr`] takes.
impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fastest => f.write_str("fastest"),
            Self::Gpu(GpuChoice::Fastest) => f.write_str("gpu"),
            Self::Gpu(choice) => write!(f, "{choice}"),
            Self::Host => f.write_str("cpu"),
            Self::References => f.write_str("references"),
        }
    }
}

impl From<GpuChoice> for DeviceChoice {
    fn from(choice: GpuChoice) -> Self {
        Self::Gpu(choice)
    }
}

/// How a device is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Which device.
    pub choice: DeviceChoice,
    /// Whether this crate's kernels check array bounds and bound their loops. On by default; measurements may turn it off.
    pub checks: bool,
    /// Whether a GPU is held to what every browser allows: see [`GpuOptions::webgpu`].
    pub webgpu: bool,
    /// Threads of the host's processor; `None` for as many as it runs at once.
    pub threads: Option<usize>,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self { choice: DeviceChoice::default(), checks: true, webgpu: false, threads: None }
    }
}

impl From<DeviceChoice> for DeviceOptions {
    fn from(choice: DeviceChoice) -> Self {
        Self::new().choice(choice)
    }
}

impl DeviceOptions {
    /// The fastest device, with checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens this device.
    #[must_use]
    pub fn choice(self, choice: DeviceChoice) -> Self {
        Self { choice, ..self }
    }

    /// Whether this crate's kernels check array bounds and bound their loops.
    #[must_use]
    pub fn checks(self, checks: bool) -> Self {
        Self { checks, ..self }
    }

    /// Whether a GPU is held to what every browser allows: see [`GpuOptions::webgpu`].
    #[must_use]
    pub fn webgpu(self, webgpu: bool) -> Self {
        Self { webgpu, ..self }
    }

    /// The host computes with this many threads; `None` for as many as it runs at once.
    #[must_use]
    pub fn threads(self, threads: impl Into<Option<usize>>) -> Self {
        Self { threads: threads.into(), ..self }
    }
}

impl Device {
    /// Opens a device.
    ///
    /// [`NoDevice`](crate::tensor::ErrorKind::NoDevice) where none answers, with what to install or which names there
    /// are.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(options: &DeviceOptions) -> Result<Self> {
        Self::open_async(options).wait()
    }

    /// Opens a device, as a future.
    ///
    /// [`NoDevice`](crate::tensor::ErrorKind::NoDevice) where none answers, with what to install or which names there
    /// are.
    pub fn open_async(options: &DeviceOptions) -> Pending<'static, Self> {
        let DeviceOptions { choice, checks, webgpu, threads } = options.clone();
        let gpu =
            move |choice| async move { Gpu::open_async(&GpuOptions { choice, checks, webgpu }).await.map(Self::from) };
        Pending::new(async move {
            match choice {
                DeviceChoice::Fastest if cfg!(feature = "cpu") => match gpu(GpuChoice::Hardware).await {
                    Err(error) if error.kind() == ErrorKind::NoDevice => Self::host(threads),
                    opened => opened,
                },
                DeviceChoice::Fastest => gpu(GpuChoice::Fastest).await,
                DeviceChoice::Host => Self::host(threads),
                DeviceChoice::References => Ok(Self::references()),
                DeviceChoice::Gpu(choice) => gpu(choice).await,
            }
        })
    }

    /// Opens the first GPU whose name contains `name`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn named(name: &str) -> Result<Self> {
        Gpu::named(name).map(Self::from)
    }

    /// The host's own processor with this many threads of its own; `None` for as many as it runs at once.
    ///
    /// [`Unsupported`](crate::tensor::ErrorKind::Unsupported) where the crate is built without its feature `cpu`.
    pub fn host(threads: Option<usize>) -> Result<Self> {
        #[cfg(feature = "cpu")]
        return Ok(Self(Arc::new(super::host::Host::new(threads)?)));
        #[cfg(not(feature = "cpu"))]
        {
            let _ = threads;
            Err(Error::unsupported("this build has no kernels for the host's processor: feature `cpu` is off"))
        }
    }

    /// The wgpu device and queue of a GPU, for an application that draws or computes on it too; `None` for what computes in
    /// host memory.
    ///
    /// ```no_run
    /// let device = tubelet::Device::open(&Default::default())?;
    /// if let Some(handles) = device.wgpu() {
    ///     let encoder = handles.device.create_command_encoder(&Default::default());
    ///     handles.queue.submit([encoder.finish()]);
    /// }
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    pub fn wgpu(&self) -> Option<WgpuHandles> {
        self.gpu().map(Gpu::wgpu)
    }

    /// The naive references.
    pub fn references() -> Self {
        Self(Arc::new(References::new()))
    }
}

impl From<Gpu> for Device {
    fn from(gpu: Gpu) -> Self {
        Self(Arc::new(gpu))
    }
}

impl Deref for Device {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_text() {
        for text in
            ["fastest", "cpu", "gpu", "references", "hardware", "discrete", "software", "other", "3", "RTX 4090"]
        {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
    }
}
