//! `tubelet devices`.

mod tuning;

use std::collections::BTreeMap;

use serde::Serialize;
use tubelet::gpu::{self, Capabilities, devices};
use tubelet::graph::{Device, DeviceChoice};
use tubelet::kernels::{ALL, Family, Precision};
use tubelet::tensor::{Error, Result};

use super::output;
use super::preamble::Preamble;

/// List this machine's devices, their limits and kernel variants
#[derive(clap::Args)]
#[command(after_help = "\
A device gets the fastest variant of each kernel that it can run; --variant of the other subcommands forces another. \
--tune keeps what it finds in a file of the device, its driver and this version, in the folder that TUBELET_CACHE names, \
else in tubelet among the user's caches. Other subcommands read it where --tuned is given, and never else.

Examples:
  tubelet devices
  tubelet devices --json | jq '.devices[0].limits'
  tubelet devices --tune")]
pub(super) struct Devices {
    /// Time every tile of workgroups on the products of the four models, print the times, and keep the fastest for --tuned.
    #[arg(long)]
    tune: bool,
    /// The device to --tune, named as for other subcommands, instead of that of TUBELET_DEVICE or the fastest that runs WGSL.
    #[arg(short, long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    devices: Vec<Entry>,
    /// This machine's processor; `null` in a build without it.
    cpu: Option<Processor>,
}

#[derive(Serialize)]
struct Processor {
    /// Whether the other subcommands use it unless told otherwise.
    default: bool,
    name: String,
}

#[derive(Serialize)]
struct Entry {
    index: usize,
    /// Whether the other subcommands use it unless told otherwise.
    default: bool,
    #[serde(flatten)]
    capabilities: Capabilities,
    /// Kernel → the variant it runs; `null` where the device can run none.
    variants: BTreeMap<&'static str, Option<&'static str>>,
    /// The same at `--precision f16`, of the kernels that multiply halves there.
    variants_f16: BTreeMap<&'static str, Option<&'static str>>,
}

impl super::Run for Devices {
    fn run(self) -> Result<()> {
        if self.tune {
            let choice = self.device.map_or_else(device_of_environment, Ok)?;
            return tuning::tune(choice, self.json);
        }
        if self.device.is_some() {
            return Err(Error::usage(
                "--device names the one to --tune, and all devices are listed: leave it out, or add --tune",
            ));
        }
        let found = devices()?;
        let host = Device::host(None).ok();
        if found.is_empty() && host.is_none() {
            // Opening one says what to install.
            return Device::open(&Default::default()).map(drop);
        }
        let by_host = host.is_some() && found.iter().all(Capabilities::is_software);
        let cpu = host.map(|host| Processor { default: by_host, name: host.name().to_owned() });
        let default = gpu::GpuChoice::Fastest.index_in(&found).filter(|_| !by_host);
        let entry = |(index, capabilities)| entry(index, default == Some(index), capabilities);
        let devices = found.into_iter().enumerate().map(entry).collect();
        output::report(self.json, &Report { preamble: Preamble::new("devices"), devices, cpu }, |report| {
            let devices = report.devices.iter().map(describe);
            devices.chain(report.cpu.as_ref().map(describe_processor)).collect::<Vec<_>>().join("\n\n")
        })
    }
}

/// The device that `TUBELET_DEVICE` names, else the fastest. It is the default of other subcommands, and here only of --tune:
/// an argument of clap's cannot tell a variable from what was typed.
fn device_of_environment() -> Result<DeviceChoice> {
    match std::env::var("TUBELET_DEVICE") {
        Ok(name) => name.parse().map_err(|error: Error| error.within("TUBELET_DEVICE")),
        Err(_) => Ok(DeviceChoice::default()),
    }
}

fn describe_processor(processor: &Processor) -> String {
    let default = if processor.default { "  (the default)" } else { "" };
    let facts = output::fields([("kind", "this machine's processor, without a driver".to_owned())]);
    format!("{}{default}\n{facts}", processor.name)
}

fn entry(index: usize, default: bool, capabilities: Capabilities) -> Entry {
    let first =
        |family: &Family, precision| family.fitting(&capabilities, precision).first().map(|variant| variant.name);
    let variants = ALL.iter().map(|family| (family.name, first(family, Precision::F32))).collect();
    let of_halves = ALL.iter().filter(|family| family.variants().iter().any(|variant| variant.needs.f16));
    let variants_f16 = of_halves.map(|family| (family.name, first(family, Precision::F16))).collect();
    Entry { index, default, variants, variants_f16, capabilities }
}

fn describe(entry: &Entry) -> String {
    let Capabilities {
        name,
        backend,
        driver,
        kind,
        family,
        f16,
        int64,
        subgroup,
        timestamps,
        matrix_shapes,
        limits,
        ..
    } = &entry.capabilities;
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let subgroup = subgroup.map_or("none".to_owned(), |sizes| match sizes.fixed() {
        Some(size) => format!("{size} lanes"),
        None => format!("{} to {} lanes, not fixed", sizes.smallest, sizes.largest),
    });
    let facts = output::fields([
        ("kind", format!("{kind}, family {family}")),
        ("driver", format!("{driver}, through {backend}")),
        ("subgroups", subgroup),
        ("shader types", format!("f16 {}, 64-bit integers {}", yes(*f16), yes(*int64))),
        ("GPU timestamps", yes(*timestamps).to_owned()),
        ("matrix units", matrix_units(matrix_shapes)),
        (
            "limits",
            format!(
                "{} a binding, {} a buffer\n{} of memory and {} invocations a workgroup\n{} workgroups a dimension",
                output::bytes(limits.binding_bytes),
                output::bytes(limits.buffer_bytes),
                output::bytes(limits.workgroup_bytes.into()),
                limits.workgroup_invocations,
                limits.workgroups
            ),
        ),
        ("kernel variants", kernels(&entry.variants)),
        ("in f16", kernels(&entry.variants_f16)),
    ]);
    let default = if entry.default { "  (the default)" } else { "" };
    format!("{}: {name}{default}\n{facts}", entry.index)
}

fn matrix_units(shapes: &[tubelet::gpu::MatrixShape]) -> String {
    let shape = |shape: &tubelet::gpu::MatrixShape| {
        let [m, n, k] = [shape.rows, shape.columns, shape.inner];
        format!("{m}×{n}×{k} {}→{}", shape.operands, shape.accumulator)
    };
    match shapes {
        [] => "none".to_owned(),
        shapes => shapes.iter().map(shape).collect::<Vec<_>>().join(", "),
    }
}

/// A line for each variant, with the kernels that run it.
fn kernels(variants: &BTreeMap<&str, Option<&str>>) -> String {
    let mut kernels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (kernel, variant) in variants {
        kernels.entry(variant.unwrap_or("not on this device")).or_default().push(kernel);
    }
    let line = |(variant, kernels): (&str, Vec<&str>)| format!("{variant}: {}", kernels.join(", "));
    kernels.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
