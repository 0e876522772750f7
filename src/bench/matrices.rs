//! A probe of how fast a device's matrix units multiply.

use std::time::Duration;

use super::clock::{has_stamps, timed};
use crate::gpu::{Buffer, Dispatch, Gpu, Pipeline, Slot};
use crate::graph::Device;
use crate::kernels::{Launch, Literals, Shader, render};
use crate::tensor::Result;

/// Its WGSL.
const SHADER: Shader = Shader::new(
    "peaks/matrices.wgsl",
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/peaks/matrices.wgsl")),
);
/// Invocations of a workgroup.
const INVOCATIONS: u32 = 128;
/// Products of a subgroup in a step.
const CHAINS: u32 = 8;
/// The factors A and B as f16: 1 and 1/64.
const FACTORS: [(u16, usize); 2] = [(0x3c00, 2), (0x2400, 4)];
/// Seconds that the probe lasts at least.
const LASTING: f64 = 10e-3;
/// Runs of which the best counts.
const RUNS: usize = 5;

/// How much is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    groups: u32,
    steps: u32,
}

/// What is tried first: soon done anywhere.
const FIRST: Size = Size { groups: 8, steps: 1 << 6 };
/// Workgroups that keep the largest GPUs busy, and steps whose sums are still exact.
const LARGEST: Size = Size { groups: 1 << 12, steps: 1 << 15 };

impl Size {
    /// A size that lasts long enough, where this one took so few seconds that it does not: first of more workgroups, then of
    /// more steps.
    fn longer(self, seconds: f64) -> Option<Self> {
        if seconds >= LASTING {
            return None;
        }
        // Half as long again as needed, so that one step is enough.
        let factor = ((1.5 * LASTING / seconds.max(1e-6)).ceil() as u32).next_power_of_two();
        let groups = self.groups.saturating_mul(factor).min(LARGEST.groups);
        let steps = self.steps.saturating_mul((factor / (groups / self.groups)).max(1)).min(LARGEST.steps);
        let next = Self { groups, steps };
        (next != self).then_some(next)
    }
}

/// Operations a second by the matrix units of `device`, f16 in and f32 out; `None` where it has none, or where they fail,
/// which is logged.
pub(super) fn matrix_rate(device: &Device) -> Option<f64> {
    let gpu = device.gpu()?;
    let (edge, lanes) = (gpu.capabilities().matrix_edge()?, gpu.capabilities().subgroup_size()?);
    let subgroups = INVOCATIONS / lanes;
    let rate = (subgroups > 0).then(|| Probe::new(device, gpu, edge, subgroups)?.rate())?;
    rate.inspect_err(|error| tracing::warn!("the matrix units are not measured: {error}")).ok().flatten()
}

struct Probe<'a> {
    device: &'a Device,
    gpu: &'a Gpu,
    edge: u32,
    /// Of a workgroup.
    subgroups: u32,
    pipeline: Pipeline,
    factors: Buffer,
}

impl<'a> Probe<'a> {
    fn new(device: &'a Device, gpu: &'a Gpu, edge: u32, subgroups: u32) -> Result<Self> {
        let literals = Literals::new().with("edge", edge).with("subgroups", subgroups).with("invocations", INVOCATIONS);
        let launch = Launch { literals, uniform: Vec::new(), groups: [1; 3], windows: Vec::new() };
        let slots = [Slot::Uniform, Slot::Read, Slot::Write];
        let pipeline = gpu.pipeline_of_kernel(SHADER.file, &render(&SHADER, &launch)?, &slots).wait()?;
        let matrix = (edge * edge) as usize;
        let halves = FACTORS.iter().flat_map(|(bits, matrices)| bits.to_ne_bytes().repeat(matrices * matrix));
        let factors = gpu.buffer_with("factors", &halves.collect::<Vec<_>>()).wait()?;
        Ok(Self { device, gpu, edge, subgroups, pipeline, factors })
    }

    /// Operations a second; `None` where the sums are wrong.
    fn rate(&self) -> Result<Option<f64>> {
        let mut size = FIRST;
        loop {
            let Some(seconds) = self.seconds(size)? else { return Ok(None) };
            match size.longer(seconds) {
                Some(next) => size = next,
                None => return Ok(Some(self.operations(size) / seconds.max(f64::MIN_POSITIVE))),
            }
        }
    }

    /// A multiply-add is two.
    fn operations(&self, size: Size) -> f64 {
        let products = f64::from(size.groups) * f64::from(self.subgroups * CHAINS) * f64::from(size.steps);
        products * 2.0 * f64::from(self.edge).powi(3)
    }

    /// Seconds of the best of a few runs; `None` where the sums are wrong.
    fn seconds(&self, size: Size) -> Result<Option<f64>> {
        let steps = self.gpu.buffer_with("steps", &size.steps.to_ne_bytes()).wait()?;
        let matrices = u64::from(size.groups * self.subgroups);
        let bytes = matrices * u64::from(self.edge * self.edge) * size_of::<f32>() as u64;
        let sums = self.gpu.buffer("sums", bytes).wait()?;
        let windows = [steps.whole(), self.factors.whole(), sums.whole()];
        let bindings = self.gpu.bind(SHADER.file, &self.pipeline, &windows).wait()?;
        let dispatches = [Dispatch::new(self.pipeline.clone(), bindings, [size.groups, 1, 1])];
        // The first run compiles, and touches memory for the first time.
        self.once(&dispatches)?;
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            best = best.min(self.once(&dispatches)?);
        }
        let expected = size.steps as f32 * self.edge as f32 / 8.0;
        let found = self.gpu.read(&sums, 0..bytes).wait()?;
        let wrong = bytemuck::pod_collect_to_vec::<u8, f32>(&found).into_iter().find(|sum| *sum != expected);
        if let Some(sum) = wrong {
            tracing::warn!("the matrix units are not measured: they add up to {sum}, not to {expected}");
        }
        Ok(wrong.is_none().then_some(best))
    }

    /// Seconds of a run, on the clock that says most about the device.
    fn once(&self, dispatches: &[Dispatch]) -> Result<f64> {
        if has_stamps(self.device) {
            let mut commands = self.gpu.timed_commands(1).wait()?;
            commands.dispatch_timed(dispatches);
            return Ok(commands.run().wait()?.iter().sum::<Duration>().as_secs_f64());
        }
        let run = || {
            let mut commands = self.gpu.commands();
            commands.dispatch(dispatches);
            commands.run().wait().map(drop)
        };
        let ((), elapsed) = timed(self.device, run)?;
        Ok(elapsed.cpu.unwrap_or(elapsed.wall).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_grows_until_it_lasts() {
        // A device that does 2²⁰ steps of a workgroup in 10 ms.
        let seconds = |size: Size| f64::from(size.groups) * f64::from(size.steps) / f64::from(1 << 20) * LASTING;
        let (mut size, mut grown) = (FIRST, 0);
        while let Some(next) = size.longer(seconds(size)) {
            size = next;
            grown += 1;
        }
        assert!(seconds(size) >= LASTING && seconds(size) < 4.0 * LASTING && grown == 1, "{size:?} after {grown}");
        assert_eq!(LARGEST.longer(1e-9), None);
    }

    #[test]
    fn a_device_without_matrix_units_has_no_rate() {
        assert_eq!(matrix_rate(&Device::references()), None);
    }
}
