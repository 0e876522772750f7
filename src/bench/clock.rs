//! Clocks, and the memory that a process has held.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use super::Clock;
use crate::graph::Device;
use crate::tensor::Result;

/// Time on the host's clock, and CPU time of this process.
#[derive(Clone, Copy, Debug)]
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
pub(super) fn computes_on_cpu(device: &Device) -> bool {
    device.gpu().is_none_or(|gpu| gpu.capabilities().is_software())
}

/// Whether a device tells the time of its work by stamps of a clock of its own.
pub(super) fn has_stamps(device: &Device) -> bool {
    device.gpu().is_some_and(|gpu| gpu.capabilities().timestamps && !gpu.capabilities().is_software())
}

/// The clock that says most about the work of a device.
pub(super) fn clock_of(device: &Device) -> Clock {
    match (computes_on_cpu(device), has_stamps(device)) {
        (true, _) => Clock::Cpu,
        (false, true) => Clock::Device,
        (false, false) => Clock::Wall,
    }
}

/// The most memory that this process has held since [`forget_peak_memory`], in bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(1024 * kibibytes)
}

/// From here on [`peak_memory`] is of what comes. Where the system has no such wish, it stays of the whole run.
pub(super) fn forget_peak_memory() {
    // Linux: 5 resets the peak of the resident set.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
