//! Results that a device is still working on: futures, and natively a call that waits for them.
//!
//! A device reports that it is done only to a thread that polls it, and only this folder polls. Natively, a thread that
//! waits polls the device itself, and a thread of the device's own polls it for futures that are awaited. In a browser the
//! event loop does.

#[cfg(target_arch = "wasm32")]
#[path = "browser.rs"]
mod platform;
#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod platform;
mod submission;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::tensor::Result;

#[cfg(not(target_arch = "wasm32"))]
pub use platform::NoWaiting;
pub(super) use platform::{Poller, detach};
pub(super) use submission::{Done, Submission};

/// A result that a device is still working on: a future that any executor can await. Natively, `wait` blocks until the
/// result is there.
///
/// A call that takes a single step, such as [`Gpu::write`](super::Gpu::write) or [`Commands::run`](super::Commands::run),
/// has begun its work when it returns. A call that takes several goes on as it is polled. Where a future is dropped, the
/// driver's complaint about the steps taken goes to the log, and the loss of a device is remembered.
#[must_use = "what went wrong is not known until it is awaited or waited for"]
pub struct Pending<'a, T>(Boxed<'a, Result<T>>);

/// Any future that can be sent to another thread.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl<'a, T> Pending<'a, T> {
    /// The result of `future`.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self(Box::pin(future))
    }

    /// A result that is there already.
    pub fn ready(outcome: Result<T>) -> Self
    where
        T: Send + 'a,
    {
        Self::new(std::future::ready(outcome))
    }

    /// Blocks until the result is there. This thread polls the device meanwhile; no other is started.
    ///
    /// An error of usage in a thread that forbids waiting by [`NoWaiting`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<T> {
        platform::wait(self)
    }
}

impl<T> std::fmt::Debug for Pending<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<T> Future for Pending<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

/// A call that is refused before it begins is an error that is there already.
impl<'a, T: Send + 'a> From<Result<Self>> for Pending<'a, T> {
    fn from(begun: Result<Self>) -> Self {
        begun.unwrap_or_else(|error| Self::ready(Err(error)))
    }
}
