//! Measurements: each kernel at the sizes of a real model, and whole forward passes.
//!
//! A device's peaks are measured in the same run ([`Peaks`]), so that each figure can be given as a share of what the
//! device could do. On a device that computes on the CPU, CPU seconds are what can be compared: they change
//! less with what else the machine does.

mod benchmark;
mod clock;
mod forward;
mod kernels;
pub mod publish;

use std::time::Duration;

use serde::Serialize;

use crate::kernels::Cost;

pub use benchmark::{
    AttentionWork, Benchmark, Ceilings, Clock, Machine, MeasuredDevice, Measurement, Memory, ModelWork, Outcome, Row,
    RowCost, Samples, Settings, Shares, TimedCall, Verification, WarmUp, Work,
};
pub use forward::{ForwardMeasurement, ForwardWork, KernelShare, measure_forward};
pub use kernels::{CaseRun, KernelMeasurement, measure_kernels};

/// What was measured of one piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Time {
    /// Seconds on the device, by its timestamps where it has them, else by the host's clock.
    pub seconds: f64,
    /// CPU seconds of all threads of this process, on a device that computes on the CPU.
    pub cpu_seconds: Option<f64>,
}

/// How fast a device computes and moves memory at best, as measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Peaks {
    /// Floating-point operations a second: multiply-adds in registers, two operations each.
    pub operations_per_second: f64,
    /// Bytes read and written a second by a copy.
    pub bytes_per_second: f64,
}

impl Peaks {
    /// The share of the roofline that work of `cost` reaches in `seconds`: the least time that the device's peaks allow,
    /// over the time it took.
    pub fn share(&self, cost: &Cost, seconds: f64) -> f64 {
        let arithmetic = cost.operations as f64 / self.operations_per_second;
        let memory = (cost.read + cost.written) as f64 / self.bytes_per_second;
        arithmetic.max(memory) / seconds
    }
}

impl Time {
    /// Seconds that say most about the work: CPU seconds where the CPU computes.
    pub fn comparable(&self) -> f64 {
        self.cpu_seconds.unwrap_or(self.seconds)
    }

    fn new(device: Duration, cpu: Option<Duration>) -> Self {
        Self { seconds: device.as_secs_f64(), cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()) }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn the_share_is_of_whichever_peak_bounds_the_work() {
        let peaks = Peaks { operations_per_second: 100.0, bytes_per_second: 10.0 };
        let arithmetic = Cost { operations: 200, read: 4, written: 1 };
        assert_relative_eq!(peaks.share(&arithmetic, 4.0), 0.5);
        let memory = Cost { operations: 200, read: 30, written: 10 };
        assert_relative_eq!(peaks.share(&memory, 8.0), 0.5);
    }

    #[test]
    fn cpu_seconds_are_what_is_compared_where_there_are_any() {
        let gpu = Time::new(Duration::from_secs(3), None);
        assert_relative_eq!(gpu.comparable(), 3.0);
        assert_relative_eq!(Time::new(Duration::from_secs(3), Some(Duration::from_secs(5))).comparable(), 5.0);
    }
}
