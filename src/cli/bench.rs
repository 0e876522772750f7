//! `tubelet bench`.

use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use tubelet::Device;
use tubelet::bench::{ForwardMeasurement, ForwardWork, KernelMeasurement, Peaks, measure_forward, measure_kernels};
use tubelet::checkpoint::Checkpoint;
use tubelet::gpu::Capabilities;
use tubelet::graph::ExecutorOptions;
use tubelet::kernels::{ALL, Family};
use tubelet::tensor::{Error, Result};
use tubelet::vivit::Config;

use super::arguments::{DeviceArguments, ModelArguments, at_least_one};
use super::known::known;
use super::preamble::Preamble;
use super::times::Speed;
use super::video::counted;
use super::{output, progress};

/// Measure kernels and a forward pass against the peaks of a device, and of the processor beside it
#[derive(clap::Args)]
#[command(after_help = "\
Kernels are measured at the sizes of a real model: those in WGSL on the fastest device that runs them, be it a software \
device, and those in Rust on this machine's processor beside it. Times are the device's own (its timestamps), the best of \
the repetitions. Where the processor computes, CPU time is given too, and rates and shares follow it: it changes less with \
what else the machine does. Run-time checks of shaders are off unless --checks is given.

Examples:
  tubelet bench
  tubelet bench --kernel attention --kernel linear
  tubelet bench --forward --untrained vit-ti
  tubelet bench --forward --device cpu
  tubelet bench --full --json > bench.json")]
pub(super) struct Bench {
    #[command(flatten)]
    model: ModelArguments,
    /// Clips in a forward pass.
    #[arg(long, default_value = "1", value_name = "N", value_parser = at_least_one)]
    batch: usize,
    /// Only this kernel, and no forward pass; can be given more than once.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["model", "untrained", "batch"],
        value_parser = known::<KernelName>(ALL.iter().map(|family| family.name)), hide_possible_values = true)]
    kernel: Vec<KernelName>,
    /// Only the forward pass, of an untrained vit-b unless told otherwise.
    #[arg(long, conflicts_with = "kernel")]
    forward: bool,
    /// Only on the device, not on the processor beside it.
    #[arg(long)]
    alone: bool,
    /// More repetitions of everything, for figures to publish.
    #[arg(long)]
    full: bool,
    /// Keep the run-time checks of shaders on.
    #[arg(long)]
    checks: bool,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    checks: bool,
    /// What the forward pass is of.
    config: Option<Config>,
    devices: Vec<DeviceReport>,
}

/// What was measured on one device.
#[derive(Serialize)]
struct DeviceReport {
    name: String,
    /// Where the device runs WGSL.
    capabilities: Option<Capabilities>,
    peaks: Peaks,
    kernels: Vec<KernelMeasurement>,
    forward: Option<ForwardMeasurement>,
}

impl DeviceReport {
    /// Whether the device computes on the CPU, whose time is then its own.
    fn computes_on_cpu(&self) -> bool {
        self.capabilities.as_ref().is_none_or(Capabilities::is_software)
    }
}

/// The name of a known kernel.
#[derive(Clone)]
pub(super) struct KernelName(pub(super) String);

impl FromStr for KernelName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known: Vec<_> = ALL.iter().map(|family| family.name).collect();
        match known.contains(&name) {
            true => Ok(Self(name.to_owned())),
            false => Err(Error::usage(format!("there is no kernel \"{name}\"; there are {}", known.join(", ")))),
        }
    }
}

impl super::Run for Bench {
    fn run(self) -> Result<()> {
        let devices = self.devices()?;
        let report = self.measure(&devices)?;
        output::report(self.json, &report, describe)
    }
}

impl Bench {
    /// The device, and the processor beside it.
    fn devices(&self) -> Result<Vec<Device>> {
        let device = self.device.open_to_measure(self.checks)?;
        let beside = cfg!(feature = "cpu") && !self.alone && device.gpu().is_some();
        let processor = beside.then(|| self.device.processor()).transpose()?;
        Ok([device].into_iter().chain(processor).collect())
    }

    fn measure(&self, devices: &[Device]) -> Result<Report> {
        // Loaded first, so that a wrong name is not found after minutes of measuring.
        let checkpoint = if self.kernel.is_empty() { Some(self.model.load_or_untrained("vit-b")?) } else { None };
        let mut preamble = checkpoint.iter().fold(Preamble::new("bench"), Preamble::checkpoint);
        preamble.device = devices.first().map(|device| device.name().to_owned());
        let reports = devices.iter().map(|device| self.measure_device(device, checkpoint.as_ref()));
        let devices = reports.collect::<Result<_>>()?;
        Ok(Report { preamble, checks: self.checks, config: checkpoint.map(|checkpoint| checkpoint.config), devices })
    }

    fn measure_device(&self, device: &Device, checkpoint: Option<&Checkpoint>) -> Result<DeviceReport> {
        let spinner = progress::spinner("measuring");
        let mut say = |what: &str| spinner.set_message(format!("{what} on {}", device.name()));
        let wanted = |family: &Family| {
            !self.forward && (self.kernel.is_empty() || self.kernel.iter().any(|kernel| kernel.0 == family.name))
        };
        // Only kernels in WGSL have variants and f16 weights.
        let options = device.gpu().map_or_else(ExecutorOptions::default, |_| self.device.options());
        let repetitions = if self.full { 10 } else { 1 };
        let (peaks, kernels) = measure_kernels(device, &options.variants, repetitions, &wanted, &mut say)?;
        let mut forward = |Checkpoint { config, parameters, .. }: &Checkpoint| {
            let repetitions = if self.full { 3 } else { 1 };
            let weights = parameters.clone();
            let work = ForwardWork::new(config, weights, &options).batch(self.batch);
            measure_forward(device, work, repetitions, &peaks, &mut say)
        };
        let forward = checkpoint.map(&mut forward).transpose()?;
        let capabilities = device.gpu().map(|gpu| gpu.capabilities().clone());
        Ok(DeviceReport { name: device.name().to_owned(), capabilities, peaks, kernels, forward })
    }
}

fn describe(report: &Report) -> String {
    let Report { preamble, checks, config, devices } = report;
    let model = preamble.model.as_deref().zip(config.as_ref());
    let devices: Vec<_> = devices.iter().map(|device| describe_device(device, *checks, model)).collect();
    devices.join("\n\n\n")
}

fn describe_device(report: &DeviceReport, checks: bool, model: Option<(&str, &Config)>) -> String {
    let DeviceReport { name, capabilities, peaks, kernels, forward } = report;
    let on_cpu = report.computes_on_cpu();
    let (seconds, note) = match on_cpu {
        true => ("CPU second", "\nrates and shares below are those of CPU time"),
        false => ("second", ""),
    };
    let mut facts = vec![("device", name.clone())];
    if let Some(device) = capabilities {
        facts.push(("driver", format!("{}, through {}", device.driver, device.backend)));
        facts.push(("checks", if checks { "on" } else { "off" }.to_owned()));
    }
    let (operations, bytes) = (giga(peaks.operations_per_second), giga(peaks.bytes_per_second));
    facts.push(("peaks", format!("{operations} GFLOP and {bytes} GB a {seconds}, measured{note}")));
    let mut blocks = vec![output::facts(&facts)];
    if !kernels.is_empty() {
        blocks.push(kernel_table(kernels, on_cpu));
    }
    if let (Some(forward), Some((model, config))) = (forward, model) {
        blocks.push(describe_forward(forward, model, config));
        blocks.push(share_table(forward));
    }
    blocks.join("\n\n")
}

fn giga(amount: f64) -> String {
    output::three_digits(amount * 1e-9)
}

fn elapsed(seconds: f64) -> String {
    output::seconds(Duration::from_secs_f64(seconds))
}

/// A block of rows for each kernel, a row for each of its sizes: narrow enough for a terminal.
fn kernel_table(kernels: &[KernelMeasurement], on_cpu: bool) -> String {
    let times: &[_] = if on_cpu { &["     time", " CPU time"] } else { &[" GPU time"] };
    let titles = [&["kernel (variant), sizes"], times, &[" GFLOP/s", " GB/s", " roofline"]].concat();
    let mut table = output::table(&titles);
    let mut before = None;
    for KernelMeasurement { kernel, case, variant, cost, time, roofline_share, .. } in kernels {
        if before.replace(kernel) != Some(kernel) {
            table.add_row([format!("{kernel} ({variant})")]);
        }
        let rate = |amount: u64| giga(amount as f64 / time.comparable());
        let mut row = vec![format!("  {case}"), elapsed(time.seconds)];
        row.extend(time.cpu_seconds.map(elapsed));
        row.extend([rate(cost.operations), rate(cost.read + cost.written), format!("{:.0} %", 100.0 * roofline_share)]);
        table.add_row(row);
    }
    table.trim_fmt()
}

fn describe_forward(forward: &ForwardMeasurement, model: &str, config: &Config) -> String {
    let ForwardMeasurement { batch, cost, time, wall_seconds, precision, weight_bytes, value_bytes, .. } = forward;
    let cpu = time.cpu_seconds.map_or(String::new(), |cpu| format!(", CPU {}", elapsed(cpu)));
    let peak =
        forward.peak_memory.map_or(String::new(), |peak| format!(", the process at most {}", output::bytes(peak)));
    output::fields([
        ("forward pass", format!("{model}, {}", counted(*batch, "clip"))),
        ("of", config.to_string()),
        ("time", format!("{}{cpu}, on the clock {}", elapsed(time.seconds), elapsed(*wall_seconds))),
        ("speed", Speed::new(*batch, config.frames, Duration::from_secs_f64(*wall_seconds)).describe()),
        (
            "rate",
            format!(
                "{} GFLOP at {} GFLOP/s, {:.0} % of the roofline",
                giga(cost.operations as f64),
                giga(cost.operations as f64 / time.comparable()),
                100.0 * forward.roofline_share
            ),
        ),
        (
            "memory",
            format!(
                "weights {} (products in {}), values {}{peak}",
                output::bytes(*weight_bytes),
                precision.weights(),
                output::bytes(*value_bytes)
            ),
        ),
    ])
}

fn share_table(forward: &ForwardMeasurement) -> String {
    let mut table = output::table(&["kernel", "variant", " calls", " GFLOP", " time", " share"]);
    for share in &forward.kernels {
        table.add_row([
            share.kernel.to_owned(),
            share.variant.to_owned(),
            share.calls.to_string(),
            giga(share.cost.operations as f64),
            elapsed(share.seconds),
            format!("{:.1} %", 100.0 * share.seconds / forward.time.seconds),
        ]);
    }
    table.trim_fmt()
}
