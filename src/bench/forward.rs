//! A whole forward pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::clock::{peak_memory, timed};
use super::{Peaks, Time};
use crate::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Feed, Weights};
use crate::kernels::{ClipLayout, Cost, Precision};
use crate::tensor::{Element, Error, Result, Tensor};
use crate::vivit::{self, Config, Recording, Request};

/// One forward pass.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ForwardMeasurement {
    /// Clips at a time.
    pub batch: usize,
    /// Operations and bytes of all kernel calls.
    pub cost: Cost,
    /// The best of the repetitions.
    pub time: Time,
    /// Seconds on the host's clock of the best repetition.
    pub wall_seconds: f64,
    /// The share of the device's roofline.
    pub roofline_share: f64,
    /// How precisely weights are stored.
    pub precision: Precision,
    /// Bytes of weights on the device.
    pub weight_bytes: u64,
    /// Bytes of intermediate values on the device.
    pub value_bytes: u64,
    /// The most memory the process has held, in bytes: on a device that computes on the CPU, device memory too, and that
    /// of whatever was measured before.
    pub peak_memory: Option<u64>,
    /// Where the time goes, by kernel, the longest first; empty on a device without timestamps.
    pub kernels: Vec<KernelShare>,
}

/// All calls of one kernel in a forward pass.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct KernelShare {
    /// The kernel.
    pub kernel: &'static str,
    /// What ran: the variant, or `host`.
    pub variant: &'static str,
    /// Number of calls.
    pub calls: usize,
    /// Operations and bytes.
    pub cost: Cost,
    /// Seconds on the device.
    pub seconds: f64,
}

/// What a forward pass computes.
#[non_exhaustive]
pub struct ForwardWork<'a> {
    /// The model.
    pub config: &'a Config,
    /// Its weights.
    pub weights: Arc<dyn Weights>,
    /// Clips at a time, of random values.
    pub batch: usize,
    /// How it runs.
    pub options: &'a ExecutorOptions,
}

impl std::fmt::Debug for ForwardWork<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardWork")
            .field("config", &self.config)
            .field("batch", &self.batch)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a> ForwardWork<'a> {
    /// A pass over one clip.
    pub fn new(config: &'a Config, weights: Arc<dyn Weights>, options: &'a ExecutorOptions) -> Self {
        Self { config, weights, batch: 1, options }
    }

    /// Clips at a time.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }
}

/// Measures a forward pass, `repetitions` times.
///
/// Loading and packing the weights is done before, and so is compiling: by a pass of the same model with one layer.
pub fn measure_forward(
    device: &Device,
    work: ForwardWork<'_>,
    repetitions: usize,
    peaks: &Peaks,
    progress: &mut dyn FnMut(&str),
) -> Result<ForwardMeasurement> {
    let ForwardWork { config, weights, batch, options } = work;
    let request = Request::new(batch, ClipLayout::Btchw);
    let weights = DeviceWeights::new(device, weights);
    let one = vivit::clip_shape(config, &Request { batch: 1, ..request.clone() }).elements();
    let most = device.largest_value() / Element::F32.bytes_of(one);
    if batch as u64 > most {
        return Err(Error::usage(format!("a batch of {batch} clips; the device's buffers hold {most} at most")));
    }
    let clip = random_clip(config, &request)?;
    let feeds = [("clip", Feed::Host(&clip))];

    progress("compiling");
    let shallow = vivit::record(&Config { layers: 1, ..config.clone() }, &request)?;
    device.prepare(Arc::new(shallow.graph), &weights, options).wait()?.compute(&feeds, &[]).wait()?;

    progress("loading weights");
    let Recording { graph, .. } = vivit::record(config, &request)?;
    let graph = Arc::new(graph);
    let executor = device.prepare(graph.clone(), &weights, options).wait()?;
    let mut best: Option<(Time, Duration, Vec<Duration>)> = None;
    for repetition in 0..repetitions.max(1) {
        progress(&format!("forward pass {} of {}", repetition + 1, repetitions.max(1)));
        let (stamps, elapsed) = timed(device, || executor.compute_timed(&feeds).wait())?;
        let computing = if stamps.is_empty() { elapsed.wall } else { stamps.iter().sum() };
        let time = Time::new(computing, elapsed.cpu);
        if best.as_ref().is_none_or(|(best, ..)| time.comparable() < best.comparable()) {
            best = Some((time, elapsed.wall, stamps));
        }
    }
    let (time, wall, stamps) = best.unwrap_or((Time::new(Duration::ZERO, None), Duration::ZERO, Vec::new()));
    let cost = graph.cost(options.precision);
    Ok(ForwardMeasurement {
        batch,
        cost,
        time,
        wall_seconds: wall.as_secs_f64(),
        roofline_share: peaks.share(&cost, time.comparable()),
        precision: options.precision,
        weight_bytes: weights.bytes(),
        value_bytes: executor.value_bytes(),
        peak_memory: peak_memory(),
        kernels: by_kernel(&*executor, options.precision, &stamps),
    })
}

fn by_kernel(executor: &dyn Executor, precision: Precision, stamps: &[Duration]) -> Vec<KernelShare> {
    let mut shares: BTreeMap<(&str, &str), KernelShare> = BTreeMap::new();
    for ((node, variant), elapsed) in executor.graph().nodes().iter().zip(executor.implementations()).zip(stamps) {
        let kernel = node.call.family().name;
        let share = shares.entry((kernel, variant)).or_insert_with(|| KernelShare {
            kernel,
            variant,
            calls: 0,
            cost: Cost::default(),
            seconds: 0.0,
        });
        share.calls += 1;
        share.cost = share.cost + node.call.cost(precision);
        share.seconds += elapsed.as_secs_f64();
    }
    let mut shares: Vec<_> = shares.into_values().collect();
    shares.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    shares
}

/// Values between −1 and 1 that differ from pixel to pixel.
fn random_clip(config: &Config, request: &Request) -> Result<Tensor> {
    let shape = vivit::clip_shape(config, request);
    let values = (0..shape.elements()).map(|index| {
        let scrambled = (index as u32).wrapping_mul(2_654_435_761).rotate_left(15).wrapping_mul(2_246_822_519);
        scrambled as f32 / u32::MAX as f32 * 2.0 - 1.0
    });
    let values = values.collect();
    Tensor::f32(shape, values)
}
