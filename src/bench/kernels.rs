//! Each kernel at the sizes of a real model.

use serde::Serialize;

use super::clock::timed;
use super::{Peaks, Time};
use crate::gpu::{Buffer, Gpu};
use crate::kernels::{self, ALL, Access, Case, Cost, Family, Plan, Program, ProgramBuilder, Selection};
use crate::tensor::{Error, Result};

/// One kernel at one size.
#[derive(Clone, Debug, Serialize)]
pub struct KernelMeasurement {
    /// The kernel.
    pub kernel: &'static str,
    /// The size.
    pub case: String,
    /// The variant that ran.
    pub variant: &'static str,
    /// Operations and bytes.
    pub cost: Cost,
    /// The best of the repetitions.
    pub time: Time,
    /// The share of the device's roofline.
    pub roofline_share: f64,
}

/// Measures every timed case of the kernels that `wanted` accepts, `repetitions` times each after a first run that
/// compiles; `progress` hears what comes next.
pub fn measure_kernels(
    device: &Gpu,
    selection: &Selection,
    repetitions: usize,
    wanted: &dyn Fn(&Family) -> bool,
    progress: &mut dyn FnMut(&str),
) -> Result<(Peaks, Vec<KernelMeasurement>)> {
    let peaks = measure_peaks(device, repetitions, progress)?;
    let mut measurements = Vec::new();
    for family in ALL.iter().filter(|family| wanted(family)) {
        for case in (family.cases)().into_iter().filter(|case| case.timed) {
            progress(&format!("{} {}", family.name, case.name));
            let plan = selection.plan(&*case.call, device.capabilities(), case.precision)?;
            let variant = plan.variant;
            let time = measure(device, &case, plan, repetitions)?;
            let cost = case.call.cost();
            measurements.push(KernelMeasurement {
                kernel: family.name,
                case: case.name,
                variant: variant.name,
                cost,
                time,
                roofline_share: peaks.share(&cost, time.comparable()),
            });
        }
    }
    Ok((peaks, measurements))
}

/// The device's peaks, in the seconds that its measurements are compared in.
pub(super) fn measure_peaks(device: &Gpu, repetitions: usize, progress: &mut dyn FnMut(&str)) -> Result<Peaks> {
    let mut peak = |family: &'static Family| {
        progress(family.name);
        let case = (family.cases)().into_iter().find(|case| case.timed);
        let case = case.ok_or_else(|| Error::usage(format!("kernel {} has no timed case", family.name)))?;
        let plan = Selection::automatic().plan(&*case.call, device.capabilities(), case.precision)?;
        let time = measure(device, &case, plan, repetitions.max(3))?;
        Ok::<_, Error>((case.call.cost(), time.comparable()))
    };
    let (arithmetic, seconds) = peak(&kernels::peaks::arithmetic::FAMILY)?;
    let operations_per_second = arithmetic.operations as f64 / seconds;
    let (copy, seconds) = peak(&kernels::peaks::copy::FAMILY)?;
    Ok(Peaks { operations_per_second, bytes_per_second: (copy.read + copy.written) as f64 / seconds })
}

fn measure(device: &Gpu, case: &Case, plan: Plan, repetitions: usize) -> Result<Time> {
    let run = CaseRun::new(device, case, plan)?;
    let mut best = run.time()?;
    for _ in 1..repetitions {
        let time = run.time()?;
        if time.comparable() < best.comparable() {
            best = time;
        }
    }
    Ok(best)
}

/// A case bound to a device, compiled and run once.
pub struct CaseRun {
    device: Gpu,
    program: Program,
}

impl CaseRun {
    /// Prepares `case` as planned for `device`; the first run, which compiles, is behind it.
    pub fn new(device: &Gpu, case: &Case, plan: Plan) -> Result<Self> {
        let mut builder = ProgramBuilder::new(device).wait()?;
        let operands = operands(device, case, &plan)?;
        builder.call(case.call.family(), plan, operands);
        let run = Self { device: device.clone(), program: builder.finish().wait()? };
        run.time()?;
        Ok(run)
    }

    /// Runs it once.
    pub fn time(&self) -> Result<Time> {
        let timestamps = self.device.capabilities().timestamps;
        let (stamps, elapsed) = timed(&self.device, || {
            let mut commands = match timestamps {
                true => self.device.timed_commands(1).wait()?,
                false => self.device.commands(),
            };
            match timestamps {
                true => commands.dispatch_timed(self.program.dispatches()),
                false => commands.dispatch(self.program.dispatches()),
            }
            commands.run().wait()
        })?;
        Ok(Time::new(stamps.first().copied().unwrap_or(elapsed.wall), elapsed.cpu))
    }
}

fn operands(device: &Gpu, case: &Case, plan: &Plan) -> Result<Vec<Option<Buffer>>> {
    let kernel = &*case.call;
    let mut inputs = case.tensors()?.into_iter();
    let bindings = kernel.family().bindings.iter().zip(kernel.operands()).enumerate();
    bindings
        .map(|(place, (binding, shape))| match (binding.access, shape) {
            (Access::Scratch, _) if plan.scratch[place] > 0 => {
                device.buffer(binding.name, plan.scratch[place]).wait().map(Some)
            }
            (Access::Write, Some(shape)) => {
                device.buffer(binding.name, plan.formats[place].bytes(&shape) as u64).wait().map(Some)
            }
            (Access::Write | Access::Scratch, _) => Ok(None),
            (Access::Read | Access::Update, _) => match inputs.next().flatten() {
                None => Ok(None),
                Some(tensor) => {
                    device.buffer_with(binding.name, &plan.formats[place].bytes_of(&tensor)?).wait().map(Some)
                }
            },
        })
        .collect()
}
