//! A result as a benchmark could find it, for tests: two devices, one with a hostile name; a row that is wrong, one that is
//! impossible, one that did not settle.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::{
    AttentionWork, Benchmark, BenchmarkRow, Ceilings, Clock, Machine, MeasuredDevice, ModelWork, RowCost,
    RowMeasurement, RowMemory, RowOutcome, Samples, Settings, Shares, TimedCall, Verification, WarmUp, Work,
};
use super::medians::median;
use crate::gpu::{Capabilities, DeviceKind};
use crate::kernels::Precision;

pub(super) const HOSTILE: &str = "<script>alert(1)</script> | GPU\u{1b}[2J";

/// Samples that scatter and depend on each other, the same ones for the same seed.
pub(super) struct Noise(ChaCha8Rng);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// `count` times around `level`; neighbours correlate by `correlation`.
    pub(super) fn samples(&mut self, count: usize, level: f64, scatter: f64, correlation: f64) -> Vec<f64> {
        let mut state = self.normal();
        let mut sample = || {
            state = correlation * state + (1.0 - correlation * correlation).sqrt() * self.normal();
            level * (scatter * state).exp()
        };
        (0..count).map(|_| sample()).collect()
    }

    /// By Box and Muller.
    fn normal(&mut self) -> f64 {
        let [radius, angle] = [0, 1].map(|_| self.0.random::<f64>());
        (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// Two devices; four models and two kinds of attention at four numbers of frames; kernels alone.
pub(super) fn benchmark() -> Benchmark {
    let mut noise = Noise::new(1);
    let mut rows = Vec::new();
    for frames in [8, 16, 32, 64] {
        rows.extend((1..=4).map(|number| gpu_row(number, frames, &mut noise)));
        rows.extend(["joint", "spatial"].map(|name| attention_row(name, frames, &mut noise)));
    }
    for (number, frames) in [(1, 8), (2, 8), (3, 8), (4, 8), (1, 16), (2, 16), (1, 32), (2, 32)] {
        let work = model(number, frames);
        let cost = cost(&work);
        let samples = noise.samples(20, cost.operations as f64 / 6e10, 0.03, 0.4);
        let measurement = RowMeasurement { memory: Some(memory(&work)), ..measurement(Clock::Cpu, samples, cost) };
        rows.push(BenchmarkRow {
            device: 1,
            work: Work::Model(work),
            precision: Precision::F32,
            outcome: RowOutcome::Measured(measurement),
        });
    }
    for (case, seconds) in [("3137×768 by 768×3072", 4e-4), ("3137×3072 by 3072×768", 4.2e-4), ("=1+1", 1e-4)] {
        rows.push(kernel_row(case, noise.samples(20, seconds, 0.01, 0.2)));
    }
    Benchmark {
        schema: Benchmark::SCHEMA,
        version: "0.1.0".into(),
        command: "bench".into(),
        commit: Some("7c79b725bb38262b2918f3911d8f32db4f533169".into()),
        taken: "2026-11-28T02:00:00Z".into(),
        options: vec!["--full".into(), "--report".into(), "a folder".into()],
        machine: Machine {
            system: "linux".into(),
            architecture: "x86_64".into(),
            processor: Some("AMD EPYC 9554 64-Core Processor".into()),
            threads: 16,
        },
        settings: Settings {
            checks: false,
            cold: false,
            row_seconds: 20.0,
            backbone: "vit-b".into(),
            sizing: "ViT-B, as in the paper: its largest row takes 1.2 s here.".into(),
        },
        devices: vec![gpu(), host()],
        rows,
        notes: vec!["the ceiling of arithmetic fell by 3 % during the run".into()],
    }
}

fn gpu() -> MeasuredDevice {
    let mut capabilities = Capabilities::of_kind(DeviceKind::Discrete);
    (capabilities.name, capabilities.driver) = (HOSTILE.into(), "NVIDIA 570.86 & \"more\"".into());
    (capabilities.timestamps, capabilities.f16) = (true, true);
    let before = Ceilings {
        operations_per_second: 5.4e13,
        arithmetic_seconds: 0.2,
        matrix_operations_per_second: Some(6.1e14),
        bytes_per_second: 2.9e12,
        copied_bytes: 1 << 30,
        launch_seconds: 6e-6,
    };
    let after = Ceilings { operations_per_second: 5.25e13, ..before };
    MeasuredDevice { name: HOSTILE.into(), capabilities: Some(capabilities), computes_on_cpu: false, before, after }
}

fn host() -> MeasuredDevice {
    let before = Ceilings {
        operations_per_second: 1.2e11,
        arithmetic_seconds: 0.5,
        matrix_operations_per_second: None,
        bytes_per_second: 2.2e10,
        copied_bytes: 1 << 30,
        launch_seconds: 1e-6,
    };
    let name = "cpu (x86_64, AVX-512, 16 threads)".to_owned();
    MeasuredDevice { name, capabilities: None, computes_on_cpu: true, before, after: before }
}

pub(super) fn model(number: usize, frames: usize) -> ModelWork {
    let kinds = ["joint", "factorised-encoder", "factorised-self-attention", "factorised-dot-product"];
    ModelWork {
        number,
        kind: kinds[number - 1].into(),
        backbone: "vit-b".into(),
        batch: 1,
        frames,
        rows: 224,
        columns: 224,
        tubelet: [2, 16, 16],
        tokens: frames / 2 * 196,
    }
}

/// By the formulas of the paper's models, roughly.
fn cost(work: &ModelWork) -> RowCost {
    let (tokens, spatial) = (work.tokens as f64, 196.0);
    let pairs = match work.number {
        1 => tokens * tokens,
        _ => tokens * (spatial + tokens / spatial),
    };
    let blocks = if work.number == 3 { 16.0 } else { 12.0 };
    let macs = 12.0 * (blocks * tokens * 768.0 * 768.0 + 2.0 * pairs * 768.0);
    RowCost {
        operations: (2.02 * macs) as u64,
        multiply_accumulates: macs as u64,
        paper_multiply_accumulates: Some((1.005 * macs) as u64),
        read: (macs / 22.0) as u64,
        written: (macs / 60.0) as u64,
    }
}

fn memory(work: &ModelWork) -> RowMemory {
    let weights = [356, 460, 469, 356][work.number - 1] * 1_000_000;
    RowMemory { weights, values: (work.tokens * 768 * 4 * 9) as u64, process_peak: Some(weights + (700 << 20)) }
}

fn gpu_row(number: usize, frames: usize, noise: &mut Noise) -> BenchmarkRow {
    let work = model(number, frames);
    let cost = cost(&work);
    let seconds = cost.operations as f64 / 2.4e13 + 4e-4;
    let outcome = match (number, frames) {
        (1, 64) => RowOutcome::Impossible { reason: "a value of 4.8 GiB; the device's buffers hold 2 GiB".into() },
        (3, 64) => RowOutcome::Wrong {
            reason: "linear.plain differs from the references at index 17".into(),
            verified: vec![Verification { relative_l2: f64::INFINITY, passed: false, ..verification(0.0) }],
        },
        _ => {
            let measurement = measurement(Clock::Device, noise.samples(24, seconds, 0.01, 0.3), cost);
            let settled = (number, frames) != (4, 16);
            let warm_up = WarmUp { settled, ..measurement.warm_up };
            let calls = calls(&work, measurement.median);
            RowOutcome::Measured(RowMeasurement { memory: Some(memory(&work)), calls, warm_up, ..measurement })
        }
    };
    BenchmarkRow { device: 0, work: Work::Model(work), precision: Precision::F32, outcome }
}

fn attention_row(name: &str, frames: usize, noise: &mut Noise) -> BenchmarkRow {
    let (sequences, tokens) = if name == "joint" { (1, frames / 2 * 196) } else { (frames / 2, 196) };
    let work = AttentionWork { name: name.into(), frames: Some(frames), sequences, tokens, heads: 12, head_width: 64 };
    let macs = (2 * 12 * sequences * tokens * tokens * 64) as u64;
    let bytes = (sequences * tokens * 768 * 4) as u64;
    let cost = RowCost {
        operations: 2 * macs,
        multiply_accumulates: macs,
        paper_multiply_accumulates: None,
        read: 3 * bytes,
        written: bytes,
    };
    let seconds = cost.operations as f64 / 1.8e13 + 2e-5;
    let measurement = measurement(Clock::Device, noise.samples(40, seconds, 0.015, 0.2), cost);
    BenchmarkRow {
        device: 0,
        work: Work::Attention(work),
        precision: Precision::F32,
        outcome: RowOutcome::Measured(measurement),
    }
}

/// The same with a training step behind each forward pass of the first device that was measured.
pub(super) fn with_steps() -> Benchmark {
    let mut benchmark = benchmark();
    let rows = std::mem::take(&mut benchmark.rows);
    for row in rows {
        let step = step(&row);
        benchmark.rows.push(row);
        benchmark.rows.extend(step);
    }
    benchmark
}

/// How many times as long as its forward pass a training step of the sample takes.
pub(super) const STEP: f64 = 3.25;

fn step(row: &BenchmarkRow) -> Option<BenchmarkRow> {
    let (Work::Model(work), Some(forward), 0) = (&row.work, row.measurement(), row.device) else { return None };
    let longer = |samples: &[f64]| samples.iter().map(|sample| STEP * sample).collect();
    let cost = RowCost {
        operations: 3 * forward.cost.operations,
        multiply_accumulates: 3 * forward.cost.multiply_accumulates,
        paper_multiply_accumulates: None,
        read: 4 * forward.cost.read,
        written: 4 * forward.cost.written,
    };
    let mut step = measurement(Clock::Device, longer(&forward.samples.device), cost);
    step.times_forward = Some(step.median / forward.median);
    step.memory = forward.memory.map(|memory| RowMemory {
        weights: 2 * memory.weights,
        values: 20 * memory.values,
        process_peak: memory.process_peak,
    });
    step.calls = calls(work, step.median);
    let (work, outcome) = (Work::TrainingStep(work.clone()), RowOutcome::Measured(step));
    Some(BenchmarkRow { work, outcome, ..row.clone() })
}

/// A row of the kernel `linear` on the first device.
pub(super) fn kernel_row(case: &str, samples: Vec<f64>) -> BenchmarkRow {
    let cost = RowCost { operations: 14_800_000_000, read: 19_000_000, written: 38_000_000, ..RowCost::default() };
    let work = Work::Kernel { kernel: "linear".into(), case: case.into() };
    let outcome = RowOutcome::Measured(measurement(Clock::Device, samples, cost));
    BenchmarkRow { device: 0, work, precision: Precision::F16Weights, outcome }
}

fn measurement(clock: Clock, times: Vec<f64>, cost: RowCost) -> RowMeasurement {
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    let wall = times.iter().map(|time| time * 1.05).collect();
    let samples = match clock {
        Clock::Cpu => Samples { wall, cpu: times.clone(), ..Samples::default() },
        _ => Samples { wall, device: times.clone(), ..Samples::default() },
    };
    RowMeasurement {
        samples,
        clock,
        median: median(&times).unwrap(),
        low: at(0.2),
        high: at(0.8),
        times_forward: None,
        warm_up: WarmUp { runs: 6, seconds: 0.4, settled: true },
        enough: times.len() >= 20,
        cost,
        shares: Shares { arithmetic: 0.44, bandwidth: 0.31, roofline: 0.47 },
        verified: vec![
            verification(4.1e-7),
            Verification { against: "cpu".into(), reduced: true, ..verification(6.2e-7) },
        ],
        memory: None,
        calls: Vec::new(),
    }
}

fn verification(relative_l2: f64) -> Verification {
    Verification { against: "the references in f64".into(), reduced: false, relative_l2, bound: 1e-5, passed: true }
}

/// Twelve blocks whose calls take `seconds` together.
fn calls(work: &ModelWork, seconds: f64) -> Vec<TimedCall> {
    let attention = if work.number == 1 { work.tokens as f64 / 4000.0 } else { 0.1 };
    let block = [
        ("layer_norm", "workgroup", 0.03),
        ("linear", "workgroup", 0.24),
        ("attention", "workgroup", attention),
        ("linear", "workgroup", 0.08),
        ("layer_norm", "workgroup", 0.03),
        ("linear", "workgroup", 0.32),
        ("pointwise", "plain", 0.05),
        ("linear", "workgroup", 0.3),
    ];
    let embed = [("tubelet_embed", "workgroup", 0.4), ("token_assembly", "plain", 0.02)];
    let head = [("layer_norm", "workgroup", 0.001), ("pool", "plain", 0.001), ("linear", "workgroup", 0.01)];
    let blocks = (0..12).flat_map(|layer| block.map(|call| (format!("encoderblock_{layer}"), call)));
    let named = |name: &'static str| move |call| (name.to_owned(), call);
    let all: Vec<_> = embed.into_iter().map(named("tokens")).chain(blocks).chain(head.map(named("logits"))).collect();
    let total: f64 = all.iter().map(|(_, (.., share))| share).sum();
    let call = |(value, (kernel, variant, share)): (String, (&str, &str, f64))| TimedCall {
        value,
        kernel: kernel.into(),
        variant: variant.into(),
        seconds: seconds * share / total,
        operations: (1e12 * share) as u64,
        bytes: (2e10 * share.sqrt()) as u64,
    };
    all.into_iter().map(call).collect()
}
