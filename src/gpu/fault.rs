//! Whatever a driver does wrong, as an error.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::pending::{Boxed, detach};
use crate::tensor::{Error, ErrorKind, Result};

/// Where a device's loss is remembered, with the driver's words.
#[derive(Clone, Default)]
pub(super) struct Loss {
    reason: Arc<Mutex<Option<String>>>,
    /// The caller's device: we install no handler on it, and ask it instead.
    lent: Option<wgpu::Device>,
}

impl Loss {
    /// The loss of a device that belongs to the caller.
    pub(super) fn of_lent(device: wgpu::Device) -> Self {
        Self { lent: Some(device), ..Self::default() }
    }

    pub(super) fn record(&self, reason: String) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }

    /// An error where the device is known to be lost.
    pub(super) fn known(&self) -> Result<()> {
        match self.reason.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            None => Ok(()),
            Some(reason) => Err(Error::new(
                ErrorKind::DeviceLost,
                format!("the device was lost ({reason}); open it again and load the model anew"),
            )),
        }
    }

    /// An error where the device is lost; a lent device is asked.
    pub(super) async fn check(&self) -> Result<()> {
        if let Some(device) = &self.lent
            && complaint(device).await.is_none()
        {
            self.record("its owner gave it up or the driver was reset".to_owned());
        }
        self.known()
    }
}

/// What a device says to an invalid buffer: a living device refuses it, a lost one says nothing.
fn complaint(device: &wgpu::Device) -> impl Future<Output = Option<wgpu::Error>> + Send + use<> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    provoke(device);
    scope.pop()
}

/// Makes an invalid buffer, of which a living device complains.
fn provoke(device: &wgpu::Device) {
    drop(device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    }));
}

/// Whether `other` is the device `own`. wgpu's comparison is not enough: it compares numbers, and devices of two instances
/// have the same ones. But a device complains to its own scopes alone, and to the innermost of them.
pub(super) fn is_same(own: &wgpu::Device, other: &wgpu::Device) -> impl Future<Output = bool> + Send + use<> {
    let equal = own == other;
    let outer = other.push_error_scope(wgpu::ErrorFilter::Validation);
    let inner = own.push_error_scope(wgpu::ErrorFilter::Validation);
    provoke(other);
    let [_, of_other] = [inner.pop(), outer.pop()].map(Box::pin);
    async move { equal && of_other.await.is_none() }
}

/// The driver's report on one stretch of calls. It goes to the log where it is dropped before it is known.
#[must_use]
pub(super) struct Report(Option<Boxed<'static, Result<()>>>);

/// Runs `work` inside an error scope of every kind. The scopes close when it returns, since they belong to this thread.
///
/// The report begins with `context`. An error where the device is lost already; then `work` does not run.
pub(super) fn reported<T>(
    device: &wgpu::Device,
    loss: &Loss,
    context: String,
    work: impl FnOnce() -> T,
) -> Result<(T, Report)> {
    loss.known()?;
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let value = work();
    let said = [internal.pop(), memory.pop(), validation.pop()];
    let loss = loss.clone();
    let report = async move {
        let mut first = None;
        for said in said {
            first = first.or(said.await);
        }
        loss.check().await?;
        match first {
            None => Ok(()),
            Some(error) => {
                let error = translate(error).within(context);
                if error.kind() == ErrorKind::DeviceLost {
                    loss.record("the driver says so".to_owned());
                }
                Err(error)
            }
        }
    };
    Ok((value, Report(Some(Box::pin(report)))))
}

impl Future for Report {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(report) = &mut self.0 else { return Poll::Ready(Ok(())) };
        let outcome = report.as_mut().poll(context);
        if outcome.is_ready() {
            self.0 = None;
        }
        outcome
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(report) = self.0.take() {
            detach(Box::pin(async move {
                if let Err(error) = report.await {
                    tracing::error!("{error}");
                }
            }));
        }
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
        wgpu::Error::Validation { description, .. } => {
            Error::new(ErrorKind::Device, format!("the driver refused: {}", one_line(&description)))
        }
        wgpu::Error::Internal { description, .. } => {
            Error::new(ErrorKind::Device, format!("the driver failed: {}", one_line(&description)))
        }
    }
}

/// A driver's many lines as one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
