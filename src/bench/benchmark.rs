//! What one run of `tubelet bench` found: plain data, written as JSON and read back to be compared, drawn and listed.

use serde::{Deserialize, Deserializer, Serialize};

use crate::gpu::Capabilities;
use crate::kernels::Precision;

/// One run: the devices, a row for each piece of work on each, and how it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Benchmark {
    /// The version of these keys.
    pub schema: u32,
    /// Of the program.
    pub version: String,
    /// The subcommand: `bench`.
    pub command: String,
    /// The commit that the program was built from, where that is known.
    pub commit: Option<String>,
    /// When the run began: UTC, RFC 3339.
    pub taken: String,
    /// The options it was given.
    pub options: Vec<String>,
    /// The machine.
    pub machine: Machine,
    /// How rows are measured.
    pub settings: Settings,
    /// What was measured on.
    pub devices: Vec<MeasuredDevice>,
    /// What was measured; the rows that belong together stand together.
    pub rows: Vec<BenchmarkRow>,
    /// What a reader must know: sizes chosen to fit the time, ceilings that moved.
    pub notes: Vec<String>,
}

/// The machine that a run was taken on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// The operating system: `linux`, `macos`, `windows`.
    pub system: String,
    /// The processor's architecture: `x86_64`, `aarch64`.
    pub architecture: String,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Threads that run at the same time.
    pub threads: usize,
}

/// How rows are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// Whether shaders check their indices and loops at run time.
    pub checks: bool,
    /// Whether every sample pays for compiling and loading: a new executor each time.
    pub cold: bool,
    /// Seconds that a row may take, warm-up and samples together.
    pub row_seconds: f64,
    /// The backbone of the models: `vit-b`.
    pub backbone: String,
    /// Why this backbone and these sizes, in a sentence.
    pub sizing: String,
}

/// A device, and what it can do at best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeasuredDevice {
    /// Its name.
    pub name: String,
    /// What it reports about itself, where it runs WGSL; the host's processor does not.
    pub capabilities: Option<Capabilities>,
    /// Whether its work is done by this machine's processor.
    pub computes_on_cpu: bool,
    /// Its ceilings before the first row.
    pub before: Ceilings,
    /// Its ceilings after the last row.
    pub after: Ceilings,
}

/// How fast a device is at best, as probes measured it in the same run: by its time stamps where it has them, in CPU
/// seconds where the processor computes, as its rows are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ceilings {
    /// Floating-point operations a second: multiply-adds in registers, two operations each.
    pub operations_per_second: f64,
    /// Seconds that the probe of arithmetic took: long enough that starting it does not count.
    pub arithmetic_seconds: f64,
    /// The same by the device's matrix units, f16 in and f32 out; `None` without them.
    pub matrix_operations_per_second: Option<f64>,
    /// Bytes read and written a second by a copy.
    pub bytes_per_second: f64,
    /// Bytes that the copy touched before it came back to the first: more than any cache holds.
    pub copied_bytes: u64,
    /// Seconds from handing over a kernel that does next to nothing to its end.
    pub launch_seconds: f64,
}

/// One piece of work on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BenchmarkRow {
    /// Which of the [`devices`](Benchmark::devices).
    pub device: usize,
    /// What is computed.
    pub work: Work,
    /// The floats it is computed with.
    pub precision: Precision,
    /// What came of it.
    pub outcome: RowOutcome,
}

/// What a row computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// A whole forward pass of a model.
    Model(ModelWork),
    /// A step of training a model: forward and backward pass, and the update of every weight by gradient descent with
    /// momentum.
    TrainingStep(ModelWork),
    /// Attention alone, over q, k and v that are there already.
    Attention(AttentionWork),
    /// One case of one kernel.
    Kernel {
        /// The kernel.
        kernel: String,
        /// The case.
        case: String,
    },
}

/// A forward pass, or a step of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelWork {
    /// The paper's number of the model, 1 to 4.
    pub number: usize,
    /// Its name: `factorised-encoder`.
    pub kind: String,
    /// The backbone: `vit-b`, or where a checkpoint came from.
    pub backbone: String,
    /// Clips at a time.
    pub batch: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// Rows of a frame, in pixels.
    pub rows: usize,
    /// Columns of a frame, in pixels.
    pub columns: usize,
    /// Frames, rows and columns of a tubelet.
    pub tubelet: [usize; 3],
    /// Tokens of a clip, without class tokens: temporal indices × spatial positions.
    pub tokens: usize,
}

/// Attention alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttentionWork {
    /// What it is called: `joint`, `spatial`, `temporal`, `factorised dot-product`, `16 heads of 72 over 5776 tokens`.
    pub name: String,
    /// Frames of the clip whose tokens these are, where they are a clip's.
    pub frames: Option<usize>,
    /// Sequences that attend each to itself.
    pub sequences: usize,
    /// Tokens of a sequence, of the longest where they differ.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Channels of a head.
    pub head_width: usize,
}

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly every row is measured")]
#[non_exhaustive]
pub enum RowOutcome {
    /// Times, of an output that is right.
    Measured(RowMeasurement),
    /// The output was wrong, so that its times mean nothing.
    Wrong {
        /// What was wrong, in a sentence.
        reason: String,
        /// The checks, the failed ones among them.
        verified: Vec<Verification>,
    },
    /// The model or the device cannot do this: no fault.
    Impossible {
        /// Why, in a sentence.
        reason: String,
    },
    /// An error ended it.
    Failed {
        /// The error, in a sentence.
        reason: String,
    },
}

/// The times of a row and what they amount to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowMeasurement {
    /// Every sample, in the order in which they were taken.
    pub samples: Samples,
    /// Which clock the quantiles, rates and shares are of.
    pub clock: Clock,
    /// The median in seconds.
    pub median: f64,
    /// The 20 % quantile in seconds.
    pub low: f64,
    /// The 80 % quantile in seconds.
    pub high: f64,
    /// Of a training step: the median over that of the forward pass beside it, where that was measured on the same clock.
    pub times_forward: Option<f64>,
    /// What was done before the first sample.
    pub warm_up: WarmUp,
    /// Whether there were at least 20 samples, or samples of two seconds.
    pub enough: bool,
    /// Operations and bytes.
    pub cost: RowCost,
    /// Shares of the device's ceilings at the median.
    pub shares: Shares,
    /// What the output was compared with.
    pub verified: Vec<Verification>,
    /// Memory, of a forward pass or a training step.
    pub memory: Option<RowMemory>,
    /// Every kernel call of one pass in its order, where the device tells the time of each.
    pub calls: Vec<TimedCall>,
}

/// Seconds of each sample on each clock; a clock that does not exist here has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Samples {
    /// By the host's clock, from handing the work over to its end.
    pub wall: Vec<f64>,
    /// By the device's time stamps.
    pub device: Vec<f64>,
    /// CPU seconds of all threads of the process, where the processor computes.
    pub cpu: Vec<f64>,
}

/// A clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Clock {
    /// The host's.
    Wall,
    /// The device's.
    Device,
    /// CPU seconds of the process.
    Cpu,
}

/// What was done before the first sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WarmUp {
    /// Runs, the first of which compiles.
    pub runs: usize,
    /// Seconds.
    pub seconds: f64,
    /// Whether three successive medians, each of three runs, agreed within 2 %; else half of the row's time was spent.
    pub settled: bool,
}

/// What a row costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowCost {
    /// Arithmetic operations: a multiply-add is two.
    pub operations: u64,
    /// Multiply-adds of matrix products, attention's among them; each counts as one.
    pub multiply_accumulates: u64,
    /// The same as the paper counts them, where it does.
    pub paper_multiply_accumulates: Option<u64>,
    /// Bytes of the inputs and weights, each counted once a call.
    pub read: u64,
    /// Bytes of the outputs.
    pub written: u64,
}

/// Shares of a device's ceilings, of the ones before and after the better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shares {
    /// Of arithmetic.
    pub arithmetic: f64,
    /// Of bandwidth.
    pub bandwidth: f64,
    /// Of the roofline: the least time that the ceilings allow, call by call, over the median.
    pub roofline: f64,
}

/// One comparison of the output that was timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// With what: `the references in f64`, `cpu`, `linear plain, attention plain`.
    pub against: String,
    /// Whether at a smaller size, since the references are slow; else at the size that is timed.
    pub reduced: bool,
    /// ‖difference‖₂ / ‖expected‖₂; infinite where one side alone is NaN, and `null` in JSON, which has no infinity.
    #[serde(deserialize_with = "infinite_for_null")]
    pub relative_l2: f64,
    /// The largest that is accepted.
    pub bound: f64,
    /// Whether it is.
    pub passed: bool,
}

/// The memory of a forward pass or a training step, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowMemory {
    /// Weights on the device, and what an optimiser keeps beside them.
    pub weights: u64,
    /// Intermediate values on the device.
    pub values: u64,
    /// The most that the process has held while this row and those beside it were measured, where the system says it; on
    /// a device that computes on the CPU its memory is among it.
    pub process_peak: Option<u64>,
}

/// One kernel call of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimedCall {
    /// What it computes: the value's name in the graph.
    pub value: String,
    /// The kernel.
    pub kernel: String,
    /// What ran: the variant, or `host`.
    pub variant: String,
    /// Seconds on the device.
    pub seconds: f64,
    /// Arithmetic operations.
    pub operations: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// JSON has no infinity: it is written as `null`.
fn infinite_for_null<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(value)?.unwrap_or(f64::INFINITY))
}

impl Benchmark {
    /// The version of the keys above.
    pub const SCHEMA: u32 = 3;
}

impl Benchmark {
    /// How many times as long as the forward pass beside it a training step takes: of the same model and sizes, on the same
    /// device and clock. `None` for other rows, and where either was not measured.
    pub fn times_forward(&self, row: &BenchmarkRow) -> Option<f64> {
        let Work::TrainingStep(model) = &row.work else { return None };
        let is_forward = |other: &&BenchmarkRow| {
            let same = other.device == row.device && other.precision == row.precision;
            same && matches!(&other.work, Work::Model(other) if other == model)
        };
        let (step, forward) = (row.measurement()?, self.rows.iter().find(is_forward)?.measurement()?);
        let ratio = step.median / forward.median;
        (step.clock == forward.clock && ratio.is_finite()).then_some(ratio)
    }
}

impl Work {
    /// The model, of a forward pass or a training step.
    pub fn model(&self) -> Option<&ModelWork> {
        match self {
            Self::Model(model) | Self::TrainingStep(model) => Some(model),
            Self::Attention(_) | Self::Kernel { .. } => None,
        }
    }

    /// What it is in a few words, without sizes: what a legend says.
    pub fn title(&self) -> String {
        match self {
            Self::Model(model) => format!("Model {}, {}", model.number, model.kind),
            Self::TrainingStep(model) => format!("Model {}, {}, training step", model.number, model.kind),
            Self::Attention(attention) => format!("{} attention", attention.name),
            Self::Kernel { kernel, .. } => kernel.clone(),
        }
    }
}

impl BenchmarkRow {
    /// Its measurement, where it has one that is right.
    pub fn measurement(&self) -> Option<&RowMeasurement> {
        match &self.outcome {
            RowOutcome::Measured(measurement) => Some(measurement),
            _ => None,
        }
    }
}
