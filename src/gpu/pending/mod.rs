//! What a device is still working on: a future, and natively a call that waits for it.
//!
//! Nobody hears that a device is done unless somebody polls it, which only this folder does. Natively, a thread that waits
//! polls the device itself; for futures that are awaited a thread of the device's own does. In a browser the event loop does.

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

/// What a device is still working on, as a future that any executor can await. Natively, `wait` blocks until it is there.
///
/// What takes a single step, such as [`Gpu::write`](super::Gpu::write) or [`Commands::run`](super::Commands::run), is under
/// way when the call returns. What takes several goes on as it is polled. Where one is dropped, the driver's complaint about
/// the steps taken goes to the log, and the loss of a device is remembered.
#[must_use = "what went wrong is not known until it is awaited or waited for"]
pub struct Pending<'a, T>(Boxed<'a, Result<T>>);

/// Any future that can be sent to another thread.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl<'a, T> Pending<'a, T> {
    /// What `future` resolves to.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self(Box::pin(future))
    }

    /// What is there already.
    pub fn ready(outcome: Result<T>) -> Self
    where
        T: Send + 'a,
    {
        Self::new(std::future::ready(outcome))
    }

    /// Blocks until it is there. This thread polls the device meanwhile; no other is started.
    ///
    /// An error of usage in a thread that has forbidden it by [`NoWaiting`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<T> {
        platform::wait(self)
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
