//! Devices: what a model runs on.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::Backend;
use super::reference::References;
use crate::gpu;
use crate::tensor::{Error, Result};

/// Where models run: a GPU, or the naive references. Cloning shares it.
///
/// It is a [`Backend`], whose methods it has. A GPU that the caller already has becomes one by
/// [`gpu::Device::from_wgpu`] and [`From`].
#[derive(Clone)]
pub struct Device(Arc<dyn Backend>);

/// Which device to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// One that runs the kernels in WGSL: a GPU, or the software device.
    Gpu(gpu::Choice),
    /// The naive references: plain loops in f64 on the host. Slow, and right.
    References,
}

impl Default for Choice {
    fn default() -> Self {
        Self::Gpu(gpu::Choice::Fastest)
    }
}

impl FromStr for Choice {
    type Err = Error;

    /// `references`, or what [`gpu::Choice`] takes.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "references" => Ok(Self::References),
            _ => text.parse().map(Self::Gpu),
        }
    }
}

/// How a device is opened.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// Which device.
    pub choice: Choice,
    /// Whether this crate's kernels check array bounds and bound their loops. On by default; measurements may turn it off.
    pub checks: bool,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self { choice: Choice::default(), checks: true }
    }
}

impl Device {
    /// Opens a device.
    ///
    /// [`NoDevice`](crate::tensor::ErrorKind::NoDevice) where none answers, with what to install or which names there
    /// are.
    pub fn open(options: &DeviceOptions) -> Result<Self> {
        match &options.choice {
            Choice::References => Ok(Self::references()),
            Choice::Gpu(choice) => {
                let options = gpu::DeviceOptions { choice: choice.clone(), checks: options.checks };
                gpu::Device::open(&options).map(Self::from)
            }
        }
    }

    /// Opens the first GPU whose name contains `name`.
    pub fn named(name: &str) -> Result<Self> {
        gpu::Device::named(name).map(Self::from)
    }

    /// The naive references.
    pub fn references() -> Self {
        Self(Arc::new(References::new()))
    }
}

impl From<gpu::Device> for Device {
    fn from(gpu: gpu::Device) -> Self {
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
