//! How a run measures.

use super::sampling::{ENOUGH_SAMPLES, ENOUGH_SECONDS, Rules};
use super::sizing::WorkRate;
use super::verification::Witness;
use crate::graph::{Device, DeviceOptions};
use crate::kernels::Selection;
use crate::tensor::Result;

/// A device to measure on, and how it is opened again where every sample is to begin anew.
#[derive(Clone, Debug)]
pub struct BenchDevice {
    pub(super) device: Device,
    pub(super) options: DeviceOptions,
}

impl BenchDevice {
    /// Opens a device.
    ///
    /// # Errors
    ///
    /// As [`Device::open`].
    pub fn open(options: DeviceOptions) -> Result<Self> {
        Ok(Self { device: Device::open(&options)?, options })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// How rows are measured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Method {
    /// Seconds that a row may take, warm-up and samples together.
    pub row_seconds: f64,
    /// Whether three times as many samples are wanted.
    pub full: bool,
    /// Whether every sample begins anew, with compiling and loading.
    pub cold: bool,
    /// Whether shaders check their indices and loops at run time.
    pub checks: bool,
    /// The backbone, to be written down.
    pub backbone: String,
    /// Why these sizes, to be written down.
    pub sizing: String,
    /// The options of the command line, to be written down.
    pub options: Vec<String>,
    /// Variants that are forced on devices that run WGSL.
    pub variants: Selection,
}

impl Method {
    /// Warm, without run-time checks, this many seconds a row.
    pub fn new(row_seconds: f64) -> Self {
        Self {
            row_seconds,
            full: false,
            cold: false,
            checks: false,
            backbone: String::new(),
            sizing: String::new(),
            options: Vec::new(),
            variants: Selection::automatic(),
        }
    }

    /// Of models of this backbone, for this reason.
    #[must_use]
    pub fn of(self, backbone: String, sizing: String) -> Self {
        Self { backbone, sizing, ..self }
    }

    pub(super) fn rules(&self) -> Rules {
        let times = if self.full { 3 } else { 1 };
        Rules {
            row_seconds: self.row_seconds,
            samples: times * ENOUGH_SAMPLES,
            seconds: times as f64 * ENOUGH_SECONDS,
            warm: !self.cold,
        }
    }

    /// The variants of a device: the host has none.
    pub(super) fn selection(&self, device: &Device) -> Selection {
        device.gpu().map_or_else(Selection::automatic, |_| self.variants.clone())
    }
}

/// Where a run takes place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// The devices that are measured, one after another.
    pub devices: Vec<BenchDevice>,
    /// What checks a device at the size that is timed where no other of the devices can.
    pub witness: Option<Witness>,
    /// How fast the devices are, where that was probed: so that the time that is left can be told.
    pub rates: Vec<WorkRate>,
}

impl Stage {
    /// These devices, and nothing else.
    pub fn new(devices: Vec<BenchDevice>) -> Self {
        Self { devices, witness: None, rates: Vec::new() }
    }
}
