//! Who polls a device natively: the thread that waits, or one for all futures of the device.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Waker};

use super::{Boxed, Submission};
use crate::gpu::fault::Loss;
use crate::tensor::{Error, Result};

thread_local! {
    static CONDUCT: Cell<Conduct> = const { Cell::new(Conduct::Awaits) };
    /// How many [`NoWaiting`] guards this thread has.
    static FORBIDDEN: Cell<usize> = const { Cell::new(0) };
}

/// What a thread does with a future.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    /// It polls the future and goes on: another thread polls the device.
    Awaits,
    /// It has nothing else to do: it polls the device itself.
    Waits,
}

/// Sets what this thread does until it is dropped.
struct Conducted {
    before: Conduct,
    /// Not `Send`: it concerns the thread that made it.
    of_this_thread: PhantomData<*const ()>,
}

impl Conducted {
    fn new(conduct: Conduct) -> Self {
        Self { before: CONDUCT.replace(conduct), of_this_thread: PhantomData }
    }
}

impl Drop for Conducted {
    fn drop(&mut self) {
        CONDUCT.set(self.before);
    }
}

/// While it lives, every blocking call of the thread that made it is an error of usage: for a thread that must not be held
/// up, such as that of a window or of an executor.
///
/// ```
/// let _guard = tubelet::gpu::NoWaiting::new();
/// let refused = tubelet::Device::open(&Default::default()).unwrap_err();
/// assert!(refused.to_string().contains("async"));
/// ```
#[derive(Debug)]
#[must_use = "waiting is forbidden only while it lives"]
pub struct NoWaiting {
    /// Not `Send`: it concerns the thread that made it.
    of_this_thread: PhantomData<*const ()>,
}

impl NoWaiting {
    /// Forbids this thread to wait.
    #[expect(clippy::new_without_default, reason = "it does something")]
    pub fn new() -> Self {
        FORBIDDEN.set(FORBIDDEN.get() + 1);
        Self { of_this_thread: PhantomData }
    }
}

impl Drop for NoWaiting {
    fn drop(&mut self) {
        FORBIDDEN.set(FORBIDDEN.get() - 1);
    }
}

/// Blocks until `future` has resolved, polling devices in this thread.
pub(super) fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if FORBIDDEN.get() > 0 {
        return Err(Error::usage("this thread may not wait for a device; await the call's async form"));
    }
    let _waiting = Conducted::new(Conduct::Waits);
    pollster::block_on(future)
}

/// Polls a device: in the thread that waits, else in a thread of its own, which starts with the first future that is
/// awaited, sleeps while there is none, and ends with the poller.
pub(in crate::gpu) struct Poller {
    device: wgpu::Device,
    loss: Loss,
    queue: Arc<Queue>,
}

/// What the thread has to poll the device for.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    submissions: VecDeque<Submission>,
    started: bool,
    ended: bool,
}

impl Poller {
    pub(in crate::gpu) fn new(device: wgpu::Device, loss: Loss) -> Self {
        Self { device, loss, queue: Arc::default() }
    }

    /// Has the device polled until `submission` is done.
    pub(in crate::gpu) fn attend(&self, submission: &Submission) {
        if CONDUCT.get() == Conduct::Waits {
            return poll(&self.device, &self.loss, submission);
        }
        let mut queue = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.started {
            if let Err(error) = self.start() {
                return submission.fail(format!("no thread can be started to poll it: {error}"));
            }
            queue.started = true;
        }
        queue.submissions.push_back(submission.clone());
        self.queue.changed.notify_one();
    }

    fn start(&self) -> std::io::Result<()> {
        let (device, loss, queue) = (self.device.clone(), self.loss.clone(), self.queue.clone());
        let work = move || {
            while let Some(submission) = queue.next() {
                poll(&device, &loss, &submission);
            }
        };
        std::thread::Builder::new().name("tubelet polling".to_owned()).spawn(work).map(drop)
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.queue.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.queue.changed.notify_one();
    }
}

impl Queue {
    /// The next submission, once there is one; `None` where there will be no more.
    fn next(&self) -> Option<Submission> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |state: &mut QueueState| state.submissions.is_empty() && !state.ended;
        let mut state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.ended { None } else { state.submissions.pop_front() }
    }
}

/// Polls `device` until it has done `submission`, which then is told so: by this thread, or by another that polls too.
fn poll(device: &wgpu::Device, loss: &Loss, submission: &Submission) {
    // Where others submit to the same queue, their work may have come before the question when this is done, which is then
    // answered after theirs.
    for submission_index in [Some(submission.index.clone()), None] {
        let until = wgpu::PollType::Wait { submission_index, timeout: None };
        // wgpu panics where the driver loses the device meanwhile.
        match std::panic::catch_unwind(AssertUnwindSafe(|| device.poll(until))) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => submission.fail(error.to_string()),
            Err(_) => {
                loss.record("the driver stopped answering".to_owned());
                submission.fail("it stopped answering");
            }
        }
        if submission.is_settled() {
            return;
        }
    }
}

/// Takes a driver's report that nobody awaits: natively it is there already.
pub(in crate::gpu) fn detach(mut report: Boxed<'static, ()>) {
    let _ = report.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Gpu;

    #[test]
    fn work_that_others_submit_behind_it_does_not_leave_a_submission_open() {
        let gpu = match Gpu::open(&Default::default()) {
            Ok(gpu) => gpu,
            Err(error) if std::env::var_os("TUBELET_REQUIRE_GPU").is_none() => return println!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        };
        let (device, queue) = (gpu.raw(), gpu.queue());
        let [from, to] = [(); 2].map(|()| gpu.buffer("copied", 64 << 20).wait().unwrap());
        let index = queue.submit([]);
        let mut copies = gpu.commands();
        (0..8).for_each(|_| copies.copy(&from, 0..64 << 20, &to, 0));
        let copying = copies.run();
        let submission = Submission::new(queue, index, [].into_iter());
        poll(device, &Loss::default(), &submission);
        assert!(submission.is_settled());
        copying.wait().unwrap();
    }
}
