//! Recording and running dispatches.

use std::ops::Range;
use std::time::Duration;

use super::{Bindings, Buffer, Gpu, Pipeline};
use crate::tensor::{Error, ErrorKind, Result};

/// One dispatch of a pipeline.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The compiled kernel.
    pub pipeline: Pipeline,
    /// What it reads and writes.
    pub bindings: Bindings,
    /// Workgroups along x, y and z.
    pub groups: [u32; 3],
}

/// GPU time of one timed step, in the order of recording.
pub type Timing = Duration;

enum Step<'a> {
    Dispatches { dispatches: &'a [Dispatch], timed: bool },
    Copy { from: &'a Buffer, range: Range<u64>, to: &'a Buffer, at: u64 },
    Split,
}

impl Step<'_> {
    /// An error where something belongs to another device, or a copy leaves one of its buffers.
    fn check(&self, device: &Gpu) -> Result<()> {
        let (from, range, to, at) = match self {
            Step::Split => return Ok(()),
            Step::Dispatches { dispatches, .. } => {
                let owners =
                    dispatches.iter().flat_map(|dispatch| [dispatch.pipeline.device, dispatch.bindings.device]);
                return owners.into_iter().try_for_each(|owner| device.check_owner(owner, "a kernel"));
            }
            Step::Copy { from, range, to, at } => (from, range, to, at),
        };
        device.check_owner(from.device, "a buffer to copy from")?;
        device.check_owner(to.device, "a buffer to copy to")?;
        from.check(range).map_err(|error| error.within("copying"))?;
        to.check(&(*at..at.saturating_add(range.end - range.start))).map_err(|error| error.within("copying"))
    }
}

/// Work recorded for one submission.
///
/// Consecutive dispatches share a compute pass unless they are timed; the driver orders those that touch the same
/// buffers.
pub struct Commands<'a> {
    device: &'a Gpu,
    steps: Vec<Step<'a>>,
}

impl<'a> Commands<'a> {
    pub(super) fn new(device: &'a Gpu) -> Self {
        Self { device, steps: Vec::new() }
    }

    /// Runs `dispatches` in order.
    pub fn dispatch(&mut self, dispatches: &'a [Dispatch]) {
        self.steps.push(Step::Dispatches { dispatches, timed: false });
    }

    /// Runs `dispatches` in order, in a pass of their own whose GPU time [`Commands::run`] returns.
    pub fn dispatch_timed(&mut self, dispatches: &'a [Dispatch]) {
        self.steps.push(Step::Dispatches { dispatches, timed: true });
    }

    /// Copies `range` (bytes) of `from` to `to`, starting at byte `at`. Offsets and size are multiples of 4.
    pub fn copy(&mut self, from: &'a Buffer, range: Range<u64>, to: &'a Buffer, at: u64) {
        self.steps.push(Step::Copy { from, range, to, at });
    }

    /// What follows goes into a submission of its own: some systems reset a device that works on one for seconds.
    pub fn split(&mut self) {
        self.steps.push(Step::Split);
    }

    /// Submits everything, waits for it, and returns the GPU time of each timed step.
    ///
    /// An error where the driver refuses, memory runs out, the device is lost, or timing was asked of a device without
    /// timestamps.
    pub fn run(self) -> Result<Vec<Timing>> {
        let timed = self.steps.iter().filter(|step| matches!(step, Step::Dispatches { timed: true, .. })).count();
        if timed > 0 && !self.device.capabilities().timestamps {
            return Err(Error::unsupported(format!(
                "{} has no GPU timestamps; measure wall-clock time instead",
                self.device.capabilities().name
            )));
        }
        self.steps.iter().try_for_each(|step| step.check(self.device))?;
        // A query set holds at most 4096 timestamps (WebGPU), two of them a step.
        const TIMED_STEPS: usize = 2048;
        if timed > TIMED_STEPS {
            return Err(Error::usage(format!("{timed} timed steps in one submission; at most {TIMED_STEPS} fit")));
        }
        let stamps = (timed > 0).then(|| Stamps::new(self.device, timed)).transpose()?;
        let device = self.device;
        device.guarded("running commands", || {
            for recorded in self.encode(stamps.as_ref()) {
                device.queue().submit([recorded]);
            }
        })?;
        device.wait()?;
        match stamps {
            None => Ok(Vec::new()),
            Some(stamps) => stamps.read(device),
        }
    }

    /// One command buffer a submission.
    fn encode(&self, stamps: Option<&Stamps>) -> Vec<wgpu::CommandBuffer> {
        let encoder = || self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut finished = Vec::new();
        let mut current = encoder();
        let mut next_stamp = 0;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Copy { from, range, to, at } => {
                    current.copy_buffer_to_buffer(&from.raw, range.start, &to.raw, *at, range.end - range.start);
                }
                Step::Split => finished.push(std::mem::replace(&mut current, encoder()).finish()),
                Step::Dispatches { dispatches, timed } => {
                    let timestamp_writes = stamps.filter(|_| *timed).map(|stamps| {
                        next_stamp += 2;
                        stamps.around(next_stamp - 2)
                    });
                    let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
                    let mut pass = current.begin_compute_pass(&descriptor);
                    record(&mut pass, dispatches);
                    while !timed && let Some(Step::Dispatches { dispatches, timed: false }) = steps.peek() {
                        record(&mut pass, dispatches);
                        steps.next();
                    }
                }
            }
        }
        if let Some(stamps) = stamps {
            current.resolve_query_set(&stamps.queries, 0..next_stamp, &stamps.resolved.raw, 0);
        }
        finished.push(current.finish());
        finished
    }
}

fn record(pass: &mut wgpu::ComputePass<'_>, dispatches: &[Dispatch]) {
    for Dispatch { pipeline, bindings, groups: [x, y, z] } in dispatches {
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, &bindings.raw, &[]);
        pass.dispatch_workgroups(*x, *y, *z);
    }
}

/// A pair of timestamps for each timed step.
struct Stamps {
    queries: wgpu::QuerySet,
    resolved: Buffer,
}

impl Stamps {
    fn new(device: &Gpu, steps: usize) -> Result<Self> {
        let count = 2 * steps as u32;
        let queries = device.guarded("creating timestamps", || {
            device.raw().create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        })?;
        let resolved = device.buffer_for(
            "timestamps",
            8 * u64::from(count),
            wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
        )?;
        Ok(Self { queries, resolved })
    }

    fn around(&self, first: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    fn read(&self, device: &Gpu) -> Result<Vec<Timing>> {
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&device.read(&self.resolved, 0..self.resolved.bytes())?);
        let nanoseconds_per_tick = f64::from(device.queue().get_timestamp_period());
        let elapsed = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * nanoseconds_per_tick * 1e-9;
        ticks
            .chunks_exact(2)
            .map(|pair| {
                Duration::try_from_secs_f64(elapsed(pair))
                    .map_err(|_| Error::new(ErrorKind::Device, "the device returned timestamps that make no sense"))
            })
            .collect()
    }
}
