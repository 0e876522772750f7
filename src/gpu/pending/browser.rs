//! Who polls a device in a browser: the event loop.

use super::{Boxed, Submission};
use crate::gpu::fault::Loss;

/// Nothing: a browser calls every callback by itself.
pub(in crate::gpu) struct Poller;

impl Poller {
    pub(in crate::gpu) fn new(_device: wgpu::Device, _loss: Loss) -> Self {
        Self
    }

    pub(in crate::gpu) fn attend(&self, _submission: &Submission) {}
}

/// Takes a driver's report that nobody awaits.
pub(in crate::gpu) fn detach(report: Boxed<'static, ()>) {
    wasm_bindgen_futures::spawn_local(report);
}
