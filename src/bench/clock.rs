//! Clocks.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::graph::Device;
use crate::tensor::Result;

/// Time on the host's clock, and CPU time of this process.
pub(super) struct Elapsed {
    pub(super) wall: Duration,
    /// Only on a device that computes on the CPU.
    pub(super) cpu: Option<Duration>,
}

/// Runs `work` and says how long it took.
pub(super) fn timed<T>(device: &Device, work: impl FnOnce() -> Result<T>) -> Result<(T, Elapsed)> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let value = work()?;
    let elapsed = Elapsed { wall: wall.elapsed(), cpu: computes_on_cpu(device).then(|| cpu.elapsed()) };
    Ok((value, elapsed))
}

/// Whether a device's work is that of this process's threads.
fn computes_on_cpu(device: &Device) -> bool {
    device.gpu().is_none_or(|gpu| gpu.capabilities().is_software())
}

/// The most memory that this process has held so far, in bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(1024 * kibibytes)
}
