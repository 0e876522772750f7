//! Whatever a driver does wrong, as an error.

use std::sync::{Arc, Mutex};

use crate::tensor::{Error, ErrorKind, Result};

/// Where a device's loss is remembered, with the driver's words.
#[derive(Clone, Default)]
pub(super) struct Loss {
    reason: Arc<Mutex<Option<String>>>,
    /// A device on which we install no handler that would tell, and which therefore is asked.
    lent: Option<wgpu::Device>,
}

impl Loss {
    /// The loss of a device that belongs to the caller.
    pub(super) fn of_lent(device: wgpu::Device) -> Self {
        Self { lent: Some(device), ..Self::default() }
    }

    pub(super) fn record(&self, reason: String) {
        let mut loss = self.reason.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loss.get_or_insert(reason);
    }

    /// An error where the device is lost.
    pub(super) fn check(&self) -> Result<()> {
        if self.lent.as_ref().is_some_and(is_lost) {
            self.record("its owner gave it up or the driver was reset".to_owned());
        }
        let loss = self.reason.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match loss.as_ref() {
            None => Ok(()),
            Some(reason) => Err(Error::new(
                ErrorKind::DeviceLost,
                format!("the device was lost ({reason}); open it again and load the model anew"),
            )),
        }
    }
}

/// Whether a device is lost: a living one refuses a buffer that is good for nothing, a lost one reports nothing at all.
fn is_lost(device: &wgpu::Device) -> bool {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    drop(device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    }));
    pollster::block_on(scope.pop()).is_none()
}

/// Runs `work` with an error scope of every kind around it; what the driver reports becomes an error that begins with
/// `place`.
pub(super) fn guarded<T>(
    device: &wgpu::Device,
    loss: &Loss,
    place: impl std::fmt::Display,
    work: impl FnOnce() -> T,
) -> Result<T> {
    loss.check()?;
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let value = work();
    let reports =
        [pollster::block_on(internal.pop()), pollster::block_on(memory.pop()), pollster::block_on(validation.pop())];
    loss.check()?;
    match reports.into_iter().flatten().next() {
        None => Ok(value),
        Some(report) => Err(translate(report).within(place)),
    }
}

/// A driver's report as an error of the right kind.
pub(super) fn translate(report: wgpu::Error) -> Error {
    match report {
        wgpu::Error::OutOfMemory { .. } => Error::new(
            ErrorKind::OutOfMemory,
            "the device is out of memory; use a smaller clip, fewer clips at a time, or another device",
        ),
        wgpu::Error::Validation { description, .. } if description.contains("is lost") => {
            Error::new(ErrorKind::DeviceLost, "the device was lost; open it again and load the model anew")
        }
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Error::new(ErrorKind::Device, format!("the driver refused: {}", one_line(&description)))
        }
    }
}

/// A driver's many lines as one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
