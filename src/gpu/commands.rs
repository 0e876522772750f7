//! Recording and running dispatches.

use std::ops::Range;
use std::time::Duration;

use super::{Bindings, Buffer, Gpu, Pending, Pipeline, Readback};
use crate::tensor::{Error, ErrorKind, Result};

/// One dispatch of a pipeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dispatch {
    /// The compiled kernel.
    pub pipeline: Pipeline,
    /// What it reads and writes.
    pub bindings: Bindings,
    /// Workgroups along x, y and z.
    pub groups: [u32; 3],
}

impl Dispatch {
    /// `pipeline` on `bindings`, in these workgroups along x, y and z.
    pub fn new(pipeline: Pipeline, bindings: Bindings, groups: [u32; 3]) -> Self {
        Self { pipeline, bindings, groups }
    }
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

/// Bytes that are written to a buffer before the first step.
struct Upload<'a> {
    to: &'a Buffer,
    at: u64,
    bytes: &'a [u8],
}

/// Work recorded for one submission.
///
/// Consecutive dispatches share a compute pass unless they are timed; the driver orders those that touch the same
/// buffers.
#[must_use = "nothing is done before they run"]
pub struct Commands<'a> {
    device: &'a Gpu,
    uploads: Vec<Upload<'a>>,
    steps: Vec<Step<'a>>,
    readbacks: Vec<&'a Readback>,
    stamps: Option<Stamps>,
}

impl std::fmt::Debug for Commands<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands").field("device", &self.device).finish_non_exhaustive()
    }
}

impl<'a> Commands<'a> {
    pub(super) fn new(device: &'a Gpu) -> Self {
        Self { device, uploads: Vec::new(), steps: Vec::new(), readbacks: Vec::new(), stamps: None }
    }

    pub(super) fn timed(device: &'a Gpu, steps: usize) -> Pending<'a, Self> {
        Pending::new(async move { Ok(Self { stamps: Some(Stamps::new(device, steps).await?), ..Self::new(device) }) })
    }

    /// Writes `bytes` (a multiple of 4 long) to `buffer` from byte `at` on, before all that runs.
    pub fn write(&mut self, buffer: &'a Buffer, at: u64, bytes: &'a [u8]) {
        self.uploads.push(Upload { to: buffer, at, bytes });
    }

    /// Runs `dispatches` in order.
    pub fn dispatch(&mut self, dispatches: &'a [Dispatch]) {
        self.steps.push(Step::Dispatches { dispatches, timed: false });
    }

    /// Runs `dispatches` in order, in a pass of their own whose GPU time [`Commands::run`] returns: for
    /// [`Gpu::timed_commands`].
    pub fn dispatch_timed(&mut self, dispatches: &'a [Dispatch]) {
        self.steps.push(Step::Dispatches { dispatches, timed: true });
    }

    /// Copies `range` (bytes) of `from` to `to`, starting at byte `at`. Offsets and size are multiples of 4.
    pub fn copy(&mut self, from: &'a Buffer, range: Range<u64>, to: &'a Buffer, at: u64) {
        self.steps.push(Step::Copy { from, range, to, at });
    }

    /// Copies `range` (bytes, multiples of 4) of `from` to where the host can read it once all has run.
    pub fn read(&mut self, from: &'a Buffer, range: Range<u64>, to: &'a Readback) {
        self.copy(from, range, &to.buffer, 0);
        self.readbacks.push(to);
    }

    /// Starts another submission: some systems reset a device that works on a single one for seconds.
    pub fn split(&mut self) {
        self.steps.push(Step::Split);
    }

    /// Submits everything at once, with nothing from elsewhere in between; resolves when it has run, to the GPU time of
    /// each timed step.
    ///
    /// An error where the driver refuses, memory runs out, the device is lost, or more steps are timed than
    /// [`Gpu::timed_commands`] was asked for.
    pub fn run(self) -> Pending<'static, Vec<Timing>> {
        Pending::from(self.submit())
    }

    fn submit(self) -> Result<Pending<'static, Vec<Timing>>> {
        let device = self.device;
        let timed = self.steps.iter().filter(|step| matches!(step, Step::Dispatches { timed: true, .. })).count();
        let most = self.stamps.as_ref().map_or(0, |stamps| stamps.steps);
        if timed > most {
            return Err(Error::usage(format!("{timed} steps are timed, but timestamps for {most} were asked for")));
        }
        self.uploads.iter().try_for_each(|upload| device.check_write(upload.to, upload.at, upload.bytes))?;
        self.steps.iter().try_for_each(|step| step.check(device))?;
        let (submission, report) = device.reported("running commands", || {
            let encoded = self.encode();
            let _submitting = device.submitting();
            for Upload { to, at, bytes } in &self.uploads {
                device.queue().write_buffer(to.wgpu(), *at, bytes);
            }
            device.submit(encoded, self.readbacks.iter().map(|readback| &readback.buffer))
        })?;
        let (device, stamps) = (device.clone(), self.stamps);
        Ok(Pending::new(async move {
            report.await?;
            device.done(submission).await?;
            match stamps {
                None => Ok(Vec::new()),
                Some(stamps) => stamps.read(&device, timed).await,
            }
        }))
    }

    /// One command buffer for each submission.
    fn encode(&self) -> Vec<wgpu::CommandBuffer> {
        let encoder = || self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut finished = Vec::new();
        let mut current = encoder();
        let mut next_stamp = 0;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Copy { from, range, to, at } => {
                    current.copy_buffer_to_buffer(from.wgpu(), range.start, to.wgpu(), *at, range.end - range.start);
                }
                Step::Split => finished.push(std::mem::replace(&mut current, encoder()).finish()),
                Step::Dispatches { dispatches, timed } => {
                    let timestamp_writes = self.stamps.as_ref().filter(|_| *timed).map(|stamps| {
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
        if let Some(stamps) = &self.stamps {
            current.resolve_query_set(&stamps.queries, 0..next_stamp, stamps.resolved.wgpu(), 0);
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

/// Pairs of timestamps, one for each step that can be timed.
struct Stamps {
    steps: usize,
    queries: wgpu::QuerySet,
    resolved: Buffer,
}

/// A query set holds at most 4096 timestamps (WebGPU), two of them a step.
const TIMED_STEPS: usize = 2048;

impl Stamps {
    async fn new(device: &Gpu, steps: usize) -> Result<Self> {
        if !device.capabilities().timestamps {
            return Err(Error::unsupported(format!(
                "{} has no GPU timestamps; measure wall-clock time instead",
                device.capabilities().name
            )));
        }
        if steps > TIMED_STEPS {
            return Err(Error::usage(format!("{steps} timed steps in one submission; at most {TIMED_STEPS} fit")));
        }
        let count = 2 * steps.max(1) as u32;
        let queries = device.step("creating timestamps", || {
            let ty = wgpu::QueryType::Timestamp;
            device.raw().create_query_set(&wgpu::QuerySetDescriptor { label: None, ty, count })
        });
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = device.buffer_for("timestamps", 8 * u64::from(count), usage);
        Ok(Self { steps, queries: queries.await?, resolved: resolved.await? })
    }

    fn around(&self, first: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// The times of the first `timed` steps.
    async fn read(&self, device: &Gpu, timed: usize) -> Result<Vec<Timing>> {
        let ticks = device.read(&self.resolved, 0..16 * timed as u64).await?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&ticks);
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
