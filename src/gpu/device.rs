//! An open device.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::choice::{Found, GpuOptions, find};
use super::fault::{self, Loss, Report};
use super::pending::{Done, Poller, Submission};
use super::{Bindings, Buffer, Capabilities, Commands, DeviceId, Pending, Pipeline, Readback, Slot, Window};
use crate::tensor::{Error, ErrorKind, Result};

/// An open device in wgpu's own types.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WgpuHandles {
    /// Makes textures, buffers and pipelines.
    pub device: wgpu::Device,
    /// Takes the work.
    pub queue: wgpu::Queue,
}

/// An open device. Cloning shares it.
///
/// ```no_run
/// use tubelet::gpu::{Dispatch, Gpu, Slot};
///
/// const WGSL: &str = "
///     @group(0) @binding(0) var<storage, read_write> words: array<u32>;
///     @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) at: vec3<u32>) { words[at.x] += 1u; }
/// ";
/// let gpu = Gpu::open(&Default::default())?;
/// let words = gpu.buffer_with("words", &[0; 16]).wait()?;
/// let pipeline = gpu.pipeline("increment", WGSL, &[Slot::Write]).wait()?;
/// let bindings = gpu.bind("increment", &pipeline, &[words.whole()]).wait()?;
/// let dispatches = [Dispatch::new(pipeline, bindings, [1, 1, 1])];
/// let mut commands = gpu.commands();
/// commands.dispatch(&dispatches);
/// commands.run().wait()?;
/// assert_eq!(gpu.read(&words, 0..16).wait()?, [1, 0, 0, 0].repeat(4));
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone)]
pub struct Gpu {
    shared: Arc<Shared>,
    capabilities: Arc<Capabilities>,
}

/// WGSL, its bindings, and whether it was compiled with run-time checks.
type PipelineKey = (String, Vec<Slot>, bool);

struct Shared {
    id: DeviceId,
    raw: wgpu::Device,
    queue: wgpu::Queue,
    loss: Loss,
    poller: Arc<Poller>,
    /// Held while something is written and submitted that belongs together.
    submitting: Mutex<()>,
    checks: bool,
    /// By WGSL and bindings.
    pipelines: Mutex<HashMap<PipelineKey, Pipeline>>,
    /// Bytes written to the queue since the device was last known to be done: each is held in a staging copy until then.
    staged: AtomicU64,
}

/// Uploads wait for the device once this much is staged, so that loading a model does not hold it twice.
const STAGED_BYTES: u64 = 64 << 20;

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.capabilities.name)
    }
}

impl Gpu {
    /// Opens a device with all the limits its adapter has.
    ///
    /// [`ErrorKind::NoDevice`] where none answers, with what to install or which names there are.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(options: &GpuOptions) -> Result<Self> {
        Self::open_async(options).wait()
    }

    /// Opens a device with all the limits its adapter has, as a future.
    ///
    /// [`ErrorKind::NoDevice`] where none answers, with what to install or which names there are.
    pub fn open_async(options: &GpuOptions) -> Pending<'static, Self> {
        let options = options.clone();
        Pending::new(async move {
            let Found { adapter, features, limits } = find(&options).await?;
            let request = |features: wgpu::Features| {
                adapter.request_device(&wgpu::DeviceDescriptor {
                    label: Some("tubelet"),
                    required_features: features,
                    required_limits: limits.clone(),
                    experimental_features: experimental(features),
                    ..Default::default()
                })
            };
            let matrices = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            let opened = match request(features).await {
                // What a driver offers as an experiment must not be why nothing runs.
                Err(error) if features.contains(matrices) => {
                    tracing::warn!("opened without matrix units: {}", fault::one_line(&error.to_string()));
                    request(features - matrices).await
                }
                opened => opened,
            };
            let (raw, queue) = opened.map_err(|error| {
                let (name, reason) = (adapter.get_info().name, fault::one_line(&error.to_string()));
                Error::new(ErrorKind::NoDevice, format!("{name} cannot be opened: {reason}"))
            })?;
            let loss = heard_loss(&raw);
            let capabilities = Capabilities::of_opened(&adapter, &raw);
            Ok(Self::assemble(raw, queue, loss, options.checks, capabilities))
        })
    }

    /// Opens the first device whose name contains `name`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn named(name: &str) -> Result<Self> {
        Self::open(&GpuOptions { choice: super::GpuChoice::Name(name.to_owned()), ..Default::default() })
    }

    /// Uses a device that the caller already has, with the features and limits it was opened with.
    ///
    /// No error or device-lost handler is installed on it. Subgroup kernels need it to have been opened with
    /// `Features::SUBGROUP`, timing with `Features::TIMESTAMP_QUERY`.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let capabilities = Capabilities::of_device(&device);
        let loss = Loss::of_lent(device.clone());
        Self::assemble(device, queue, loss, true, capabilities)
    }

    fn assemble(raw: wgpu::Device, queue: wgpu::Queue, loss: Loss, checks: bool, capabilities: Capabilities) -> Self {
        let shared = Shared {
            id: DeviceId::next(),
            poller: Arc::new(Poller::new(raw.clone(), loss.clone())),
            submitting: Mutex::default(),
            raw,
            queue,
            loss,
            checks,
            pipelines: Mutex::default(),
            staged: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), capabilities: Arc::new(capabilities) }
    }

    /// The wgpu device and queue, for an application that draws or computes on the device too.
    ///
    /// Work that the application submits runs before everything that is asked of the device afterwards. It may not change
    /// [`DeviceFrames`](super::DeviceFrames) until the call that was given them has returned, or its future is done.
    pub fn wgpu(&self) -> WgpuHandles {
        WgpuHandles { device: self.shared.raw.clone(), queue: self.shared.queue.clone() }
    }

    /// Whether `device` is this one; an error where it is lost.
    pub(super) async fn is(&self, device: &wgpu::Device) -> Result<bool> {
        self.shared.loss.check().await?;
        Ok(fault::is_same(&self.shared.raw, device).await)
    }

    /// The same device, claiming less than it has: fewer limits, no subgroups. Kernels and plans obey the claim, which
    /// shows on one machine how they behave on a smaller one.
    #[doc(hidden)]
    #[must_use]
    pub fn restricted(&self, restrict: impl FnOnce(&mut Capabilities)) -> Self {
        let mut capabilities = (*self.capabilities).clone();
        restrict(&mut capabilities);
        Self { shared: self.shared.clone(), capabilities: Arc::new(capabilities) }
    }

    /// What the device reports about itself.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The identity of this open device.
    pub fn id(&self) -> DeviceId {
        self.shared.id
    }

    /// An error where `what` belongs to another device.
    pub(super) fn check_owner(&self, owner: DeviceId, what: &str) -> Result<()> {
        match owner == self.id() {
            true => Ok(()),
            false => {
                Err(Error::usage(format!("{what} belongs to another open device than this {}", self.capabilities.name)))
            }
        }
    }

    /// Whether shaders check array bounds and bound their loops.
    pub fn checks(&self) -> bool {
        self.shared.checks
    }

    /// Gives the device up; everything that uses it afterwards fails with [`ErrorKind::DeviceLost`].
    pub fn destroy(&self) {
        self.shared.loss.record("it was given up".to_owned());
        self.shared.raw.destroy();
    }

    /// Memory of `bytes` (rounded up to a multiple of 16), its content unspecified (wgpu clears it).
    pub fn buffer(&self, label: &str, bytes: u64) -> Pending<'static, Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.buffer_for(label, bytes, usage)
    }

    pub(super) fn buffer_for(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Pending<'static, Buffer> {
        let size = bytes.max(1).checked_next_multiple_of(16).unwrap_or(u64::MAX);
        let limit = self.capabilities.limits.buffer_bytes;
        if size > limit {
            let name = &self.capabilities.name;
            return Pending::ready(Err(Error::unsupported(format!(
                "{label} needs {size} bytes, but {name} allows buffers of {limit} bytes; use a smaller clip or fewer at a time"
            ))));
        }
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let context = format!("allocating {size} bytes for {label} on {}", self.capabilities.name);
        let device = self.id();
        self.step(context, || Buffer::new(self.shared.raw.create_buffer(&descriptor), device))
    }

    /// Memory filled with `bytes`.
    pub fn buffer_with<'a>(&'a self, label: &'a str, bytes: &'a [u8]) -> Pending<'a, Buffer> {
        Pending::new(async move {
            let buffer = self.buffer(label, bytes.len() as u64).await?;
            self.write(&buffer, 0, bytes).await?;
            Ok(buffer)
        })
    }

    /// Memory of `bytes` (rounded up to a multiple of 16) that commands write and the host reads.
    pub fn readback(&self, bytes: u64) -> Pending<'static, Readback> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = self.buffer_for("reading back", bytes, usage);
        Pending::new(async move { Ok(Readback::new(buffer.await?, bytes)) })
    }

    /// Writes `bytes` (a multiple of 4 long) to `buffer` from byte `at` on, before any later command runs.
    pub fn write(&self, buffer: &Buffer, at: u64, bytes: &[u8]) -> Pending<'static, ()> {
        Pending::from(self.begin_writing(buffer, at, bytes))
    }

    fn begin_writing(&self, buffer: &Buffer, at: u64, bytes: &[u8]) -> Result<Pending<'static, ()>> {
        self.check_write(buffer, at, bytes)?;
        let size = bytes.len() as u64;
        let is_much = self.shared.staged.fetch_add(size, Ordering::Relaxed) + size > STAGED_BYTES;
        let _submitting = self.submitting();
        let (submission, report) = self.reported("uploading", || {
            self.shared.queue.write_buffer(buffer.wgpu(), at, bytes);
            is_much.then(|| self.submit(Vec::new(), [].into_iter()))
        })?;
        let device = self.clone();
        Ok(Pending::new(async move {
            report.await?;
            match submission {
                None => Ok(()),
                Some(submission) => device.done(submission).await,
            }
        }))
    }

    /// An error where `bytes` cannot be written to `buffer` from byte `at` on.
    pub(super) fn check_write(&self, buffer: &Buffer, at: u64, bytes: &[u8]) -> Result<()> {
        self.check_owner(buffer.device, "the buffer to write")?;
        buffer.check(&(at..at.saturating_add(bytes.len() as u64))).map_err(|error| error.within("uploading"))
    }

    /// Reads `range` (bytes, multiples of 4) of `buffer` back.
    pub fn read<'a>(&'a self, buffer: &'a Buffer, range: Range<u64>) -> Pending<'a, Vec<u8>> {
        Pending::new(async move {
            self.check_owner(buffer.device, "the buffer to read")?;
            buffer.check(&range).map_err(|error| error.within("reading back"))?;
            if range.is_empty() {
                return Ok(Vec::new());
            }
            let readback = self.readback(range.end - range.start).await?;
            let mut commands = self.commands();
            commands.read(buffer, range, &readback);
            commands.run().await?;
            readback.to_bytes()
        })
    }

    /// Compiles WGSL whose entry point is `main`, or finds it compiled before. `slots` are its bindings in group 0.
    ///
    /// It is compiled with run-time checks, whatever the device was opened with.
    pub fn pipeline(&self, label: &str, wgsl: &str, slots: &[Slot]) -> Pending<'static, Pipeline> {
        self.cached(label, wgsl, slots, true)
    }

    /// [`Gpu::pipeline`] for this crate's own kernels: without run-time checks where the device was opened so.
    pub(crate) fn pipeline_of_kernel(&self, label: &str, wgsl: &str, slots: &[Slot]) -> Pending<'static, Pipeline> {
        self.cached(label, wgsl, slots, self.shared.checks)
    }

    fn cached(&self, label: &str, wgsl: &str, slots: &[Slot], checked: bool) -> Pending<'static, Pipeline> {
        let key = (wgsl.to_owned(), slots.to_vec(), checked);
        if let Some(pipeline) = self.shared.pipelines().get(&key) {
            return Pending::ready(Ok(pipeline.clone()));
        }
        let compiled = self.step(format!("compiling {label}"), || self.compile(label, wgsl, slots, checked));
        let shared = self.shared.clone();
        Pending::new(async move {
            let pipeline = compiled.await?;
            shared.pipelines().insert(key, pipeline.clone());
            Ok(pipeline)
        })
    }

    fn compile(&self, label: &str, wgsl: &str, slots: &[Slot], checked: bool) -> Pipeline {
        let device = &self.shared.raw;
        let source = wgpu::ShaderSource::Wgsl(wgsl.into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(label), source };
        let module = if checked {
            device.create_shader_module(descriptor)
        } else {
            #[allow(
                unsafe_code,
                reason = "measuring without run-time checks is the caller's explicit choice, for this crate's kernels only"
            )]
            // SAFETY: this crate's kernels stay inside their bindings; the tests run every one of them with checks on and
            // guards around all operands.
            unsafe {
                device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            }
        };
        let entries: Vec<_> = slots.iter().enumerate().map(|(binding, slot)| slot.layout(binding)).collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Pipeline { raw, layout, device: self.id() }
    }

    /// Binds `windows`, in the order of the pipeline's slots.
    pub fn bind(&self, label: &str, pipeline: &Pipeline, windows: &[Window]) -> Pending<'static, Bindings> {
        let context = format!("binding {label}");
        if let Err(error) = self.check_windows(pipeline, windows, &context) {
            return Pending::ready(Err(error));
        }
        let entries: Vec<_> = windows
            .iter()
            .enumerate()
            .map(|(binding, window)| wgpu::BindGroupEntry { binding: binding as u32, resource: window.binding() })
            .collect();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout: &pipeline.layout, entries: &entries };
        let device = self.id();
        self.step(context, || Bindings { raw: self.shared.raw.create_bind_group(&descriptor), device })
    }

    fn check_windows(&self, pipeline: &Pipeline, windows: &[Window], context: &str) -> Result<()> {
        self.check_owner(pipeline.device, "the pipeline")?;
        windows.iter().try_for_each(|window| self.check_owner(window.buffer.device, "a buffer to bind"))?;
        windows.iter().try_for_each(Window::check).map_err(|error| error.within(context))
    }

    /// Work to record and run.
    pub fn commands(&self) -> Commands<'_> {
        Commands::new(self)
    }

    /// Work to record and run, of which up to `steps` steps are timed.
    ///
    /// An error for a device without timestamps, and for more steps than one submission can time.
    pub fn timed_commands(&self, steps: usize) -> Pending<'_, Commands<'_>> {
        Commands::timed(self, steps)
    }

    pub(super) fn raw(&self) -> &wgpu::Device {
        &self.shared.raw
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    /// While this guard is held, nobody else writes or submits.
    pub(super) fn submitting(&self) -> MutexGuard<'_, ()> {
        self.shared.submitting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work`; its value, and the driver's report, which begins with `context`.
    pub(super) fn reported<T>(&self, context: impl Into<String>, work: impl FnOnce() -> T) -> Result<(T, Report)> {
        fault::reported(&self.shared.raw, &self.shared.loss, context.into(), work)
    }

    /// Runs `work`; its value, or what the driver complains of.
    pub(super) fn step<T: Send + 'static>(
        &self,
        context: impl Into<String>,
        work: impl FnOnce() -> T,
    ) -> Pending<'static, T> {
        Pending::from(self.reported(context, work).map(|(value, report)| {
            Pending::new(async move {
                report.await?;
                Ok(value)
            })
        }))
    }

    /// Submits each of `recorded`; once they have run, the host can read each of `readable`.
    pub(super) fn submit<'a>(
        &self,
        recorded: Vec<wgpu::CommandBuffer>,
        readable: impl Iterator<Item = &'a Buffer>,
    ) -> Submission {
        let mut index = None;
        for recorded in recorded {
            index = Some(self.shared.queue.submit([recorded]));
        }
        let index = index.unwrap_or_else(|| self.shared.queue.submit([]));
        Submission::new(&self.shared.queue, index, readable.map(Buffer::wgpu))
    }

    /// Resolves once the device has done `submission`.
    pub(super) async fn done(&self, submission: Submission) -> Result<()> {
        let outcome = Done::new(submission, self.shared.poller.clone()).await;
        self.shared.staged.store(0, Ordering::Relaxed);
        self.shared.loss.check().await?;
        let name = &self.capabilities.name;
        outcome.map_err(|reason| Error::new(ErrorKind::Device, format!("waiting for {name}: {reason}")))
    }
}

impl Shared {
    fn pipelines(&self) -> MutexGuard<'_, HashMap<PipelineKey, Pipeline>> {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What wgpu wants to be told before it opens a device with any of `features` that it calls experimental.
fn experimental(features: wgpu::Features) -> wgpu::ExperimentalFeatures {
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return wgpu::ExperimentalFeatures::disabled();
    }
    #[allow(unsafe_code, reason = "matrix units are offered as an experimental feature only")]
    // SAFETY: this crate's kernels load and store matrices at places that no call's sizes change, all of which lies in
    // workgroup memory or, in the probe of matrix units, in buffers made for it; the tests run them with checks on.
    unsafe {
        wgpu::ExperimentalFeatures::enabled()
    }
}

/// The loss of a device that we opened, recorded by its callbacks.
fn heard_loss(device: &wgpu::Device) -> Loss {
    let loss = Loss::default();
    let recorder = loss.clone();
    device.set_device_lost_callback(move |reason, message| recorder.record(format!("{reason:?}: {message}")));
    let recorder = loss.clone();
    device.on_uncaptured_error(Arc::new(move |report| {
        tracing::error!("outside any error scope: {report}");
        if let kind @ ErrorKind::DeviceLost = fault::translate(report).kind() {
            recorder.record(format!("{kind:?}"));
        }
    }));
    loss
}
