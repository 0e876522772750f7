//! Work that a device was given, and when it is done.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Poller;

/// Work that a device was given. Cloning shares it.
#[derive(Clone)]
pub(in crate::gpu) struct Submission {
    /// What to poll the device for.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a browser polls by itself"))]
    pub(super) index: wgpu::SubmissionIndex,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Callbacks that the device has still to call.
    outstanding: usize,
    failure: Option<String>,
    /// Wakes the task that awaits it.
    waker: Option<Waker>,
}

impl Submission {
    /// The work that `queue` was given as `index`; done once the host can also read each of `readable`.
    pub(in crate::gpu) fn new<'a>(
        queue: &wgpu::Queue,
        index: wgpu::SubmissionIndex,
        readable: impl Iterator<Item = &'a wgpu::Buffer>,
    ) -> Self {
        let submission = Self { index, state: Arc::default() };
        for buffer in readable {
            let callback = submission.callback();
            buffer.map_async(wgpu::MapMode::Read, .., move |outcome| {
                callback.call(outcome.map_err(|_| "its memory cannot be read back"));
            });
        }
        let callback = submission.callback();
        queue.on_submitted_work_done(move || callback.call(Ok(())));
        submission
    }

    fn callback(&self) -> Callback {
        self.state().outstanding += 1;
        Callback { submission: self.clone(), outcome: Err("it has dropped the work") }
    }

    /// Whether it is known what became of it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn is_settled(&self) -> bool {
        self.state().is_settled()
    }

    /// Ends the wait for it with an error.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a browser calls every callback"))]
    pub(super) fn fail(&self, reason: impl Into<String>) {
        self.change(|state| {
            state.failure.get_or_insert(reason.into());
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let waker = if state.is_settled() { state.waker.take() } else { None };
        // The one who is woken may look at the state at once.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Its outcome; while there is none, `waker` is kept, and woken once there is.
    fn outcome(&self, waker: &Waker) -> Poll<Result<(), String>> {
        let mut state = self.state();
        match &state.failure {
            Some(reason) => Poll::Ready(Err(reason.clone())),
            None if state.outstanding == 0 => Poll::Ready(Ok(())),
            None => {
                state.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.outstanding == 0 || self.failure.is_some()
    }
}

/// One of the things that a submission waits for. A device that drops it uncalled has failed.
struct Callback {
    submission: Submission,
    outcome: Result<(), &'static str>,
}

impl Callback {
    fn call(mut self, outcome: Result<(), &'static str>) {
        self.outcome = outcome;
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.submission.change(|state| {
            state.outstanding -= 1;
            if let Err(reason) = self.outcome {
                state.failure.get_or_insert(reason.to_owned());
            }
        });
    }
}

/// Resolves once a submission is done, else to the reason why it will never be.
pub(in crate::gpu) struct Done {
    submission: Submission,
    poller: Arc<Poller>,
    attended: bool,
}

impl Done {
    pub(in crate::gpu) fn new(submission: Submission, poller: Arc<Poller>) -> Self {
        Self { submission, poller, attended: false }
    }
}

impl Future for Done {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = self.submission.outcome(context.waker());
        if outcome.is_ready() || std::mem::replace(&mut self.attended, true) {
            return outcome;
        }
        self.poller.attend(&self.submission);
        self.submission.outcome(context.waker())
    }
}
