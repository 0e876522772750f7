//! `tubelet bench`.

use serde::Serialize;
use tubelet::bench::{ForwardMeasurement, KernelMeasurement, Peaks, Time, measure_forward, measure_kernels};
use tubelet::gpu::Device;
use tubelet::kernels::Cost;
use tubelet::tensor::{Error, Result};

use super::arguments::{DeviceArguments, ModelArguments};
use super::{output, progress};

/// Measure each kernel at ViT-B sizes and a whole forward pass, against the device's own measured peaks.
///
/// Seconds are the device's own (its timestamps). On a device that runs shaders on the CPU, CPU seconds are given too,
/// and rates and shares follow them: they do not depend on who else uses the machine. Run-time checks of shaders are
/// off unless --checks says otherwise. Each figure is the best of its repetitions.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tubelet bench
  tubelet bench --untrained vit-ti --full
  tubelet bench --kernel attention --kernel linear --no-forward
  tubelet bench --json > bench.json")]
pub(super) struct Bench {
    /// Measure the forward pass of this model instead of an untrained vit-b.
    #[arg(short, long, value_name = "DIR_OR_NAME", conflicts_with = "untrained")]
    model: Option<String>,
    /// Measure the forward pass of this named shape.
    #[arg(long, value_name = "SHAPE", default_value = "vit-b")]
    untrained: String,
    /// Clips in a forward pass.
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch: usize,
    /// Only these kernels; no forward pass with it unless --forward is given.
    #[arg(long, value_name = "KERNEL")]
    kernel: Vec<String>,
    /// No kernels, only the forward pass.
    #[arg(long, conflicts_with = "kernel")]
    forward: bool,
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
    version: &'static str,
    device: tubelet::gpu::Capabilities,
    checks: bool,
    peaks: Peaks,
    kernels: Vec<KernelMeasurement>,
    model: Option<String>,
    forward: Option<ForwardMeasurement>,
}

impl super::Run for Bench {
    fn run(self) -> Result<()> {
        self.check_kernels()?;
        let device = self.device.open(self.checks)?;
        let report = self.measure(&device)?;
        if self.json { output::print_json(&report) } else { output::print(&describe(&report)) }
    }
}

impl Bench {
    fn check_kernels(&self) -> Result<()> {
        let known: Vec<_> = tubelet::kernels::ALL.iter().map(|family| family.name).collect();
        match self.kernel.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!("there is no kernel {name:?}; there are {}", known.join(", ")))),
        }
    }

    fn measure(&self, device: &Device) -> Result<Report> {
        let spinner = progress::spinner("measuring");
        let mut say = |what: &str| spinner.set_message(what.to_owned());
        let repetitions = if self.full { 10 } else { 1 };
        let wanted = |family: &tubelet::kernels::Family| match self.forward {
            true => false,
            false => self.kernel.is_empty() || self.kernel.iter().any(|name| name == family.name),
        };
        let (peaks, kernels) = measure_kernels(device, &self.device.variant, repetitions, &wanted, &mut say)?;
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION"),
            device: device.capabilities().clone(),
            checks: device.checks(),
            peaks,
            kernels,
            model: None,
            forward: None,
        };
        if self.kernel.is_empty() {
            let untrained = self.model.is_none().then(|| self.untrained.clone());
            let checkpoint = ModelArguments { model: self.model.clone(), untrained }.checkpoint()?;
            report.model = Some(checkpoint.source);
            let repetitions = if self.full { 3 } else { 1 };
            report.forward = Some(measure_forward(
                device,
                &checkpoint.config,
                checkpoint.parameters,
                self.batch,
                &self.device.variant,
                repetitions,
                &peaks,
                &mut say,
            )?);
        }
        Ok(report)
    }
}

fn describe(report: &Report) -> String {
    let software = report.device.is_software();
    let second = if software { "CPU s" } else { "s" };
    let mut text = format!(
        "{} ({}), run-time checks {}\nmeasured peaks: {} GFLOP/{second}, {} GB/{second}\n",
        report.device.name,
        report.device.driver,
        if report.checks { "on" } else { "off" },
        output::three_digits(report.peaks.operations_per_second * 1e-9),
        output::three_digits(report.peaks.bytes_per_second * 1e-9),
    );
    if !report.kernels.is_empty() {
        text += &format!("\n{}\n", kernel_table(report, software));
    }
    if let (Some(forward), Some(model)) = (&report.forward, &report.model) {
        text += &format!("\n{}", describe_forward(forward, model, software, second));
    }
    text
}

fn header(first: &[&'static str], software: bool) -> Vec<&'static str> {
    let rate = if software { [" CPU time", " GFLOP/CPU s", " GB/CPU s"] } else { ["", " GFLOP/s", " GB/s"] };
    let mut header = first.to_vec();
    header.push(" GPU time");
    header.extend(rate.into_iter().filter(|title| !title.is_empty()));
    header
}

fn figures(time: &Time, cost: &Cost) -> Vec<String> {
    let elapsed = |seconds: f64| output::seconds(std::time::Duration::from_secs_f64(seconds));
    let rate = |amount: u64| output::three_digits(amount as f64 * 1e-9 / time.comparable());
    let mut cells = vec![elapsed(time.seconds)];
    cells.extend(time.cpu_seconds.map(elapsed));
    cells.push(rate(cost.operations));
    cells.push(rate(cost.read + cost.written));
    cells
}

fn kernel_table(report: &Report, software: bool) -> String {
    let mut titles = header(&["kernel", "size", "variant", " GFLOP", " bytes"], software);
    titles.push(" of roofline");
    let mut table = output::table(&titles);
    for KernelMeasurement { kernel, case, variant, cost, time, roofline_share } in &report.kernels {
        let mut row = vec![
            (*kernel).to_owned(),
            case.clone(),
            (*variant).to_owned(),
            output::three_digits(cost.operations as f64 * 1e-9),
            output::bytes(cost.read + cost.written),
        ];
        row.extend(figures(time, cost));
        row.push(format!("{:.0} %", 100.0 * roofline_share));
        table.add_row(row);
    }
    table.to_string()
}

fn describe_forward(forward: &ForwardMeasurement, model: &str, software: bool, second: &str) -> String {
    let ForwardMeasurement { batch, cost, time, wall_seconds, weight_bytes, value_bytes, .. } = forward;
    let elapsed = |seconds: f64| output::seconds(std::time::Duration::from_secs_f64(seconds));
    let cpu = time.cpu_seconds.map_or(String::new(), |cpu| format!(", {cpu:.1} CPU s"));
    let peak = forward
        .peak_memory
        .map_or(String::new(), |peak| format!(", peak memory of the process {}", output::bytes(peak)));
    let mut table = output::table(&["kernel", "variant", " calls", " GFLOP", " GPU time", " share"]);
    for share in &forward.kernels {
        table.add_row([
            share.kernel.to_owned(),
            share.variant.to_owned(),
            share.calls.to_string(),
            output::three_digits(share.cost.operations as f64 * 1e-9),
            elapsed(share.seconds),
            format!("{:.1} %", 100.0 * share.seconds / time.seconds),
        ]);
    }
    let _ = software;
    format!(
        "forward pass of {model}, {batch} clip{}: {}{cpu} ({} on the clock)\n\
         {} GFLOP, {} GFLOP/{second}, {:.0} % of the roofline\n\
         weights {}, intermediate values {}{peak}\n\n{table}",
        if *batch == 1 { "" } else { "s" },
        elapsed(time.seconds),
        elapsed(*wall_seconds),
        output::three_digits(cost.operations as f64 * 1e-9),
        output::three_digits(cost.operations as f64 * 1e-9 / time.comparable()),
        100.0 * forward.roofline_share,
        output::bytes(*weight_bytes),
        output::bytes(*value_bytes),
    )
}
