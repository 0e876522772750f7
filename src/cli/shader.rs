//! `tubelet shader`.

use serde::Serialize;
use tubelet::graph::ExecutorOptions;
use tubelet::kernels::{ALL, Case, Family, Listing, Precision};
use tubelet::tensor::{Error, Result};

use super::arguments::DeviceArguments;
use super::bench::KernelName;
use super::known::known;
use super::output;
use super::preamble::Preamble;

/// Print the WGSL that a device gets for a kernel, with its uniform, workgroups and windows
#[derive(clap::Args)]
#[command(after_help = "\
The text is what is compiled: the file of the variant with its includes and literals put in. Each dispatch stands above it \
as comments; dispatches with the same text share it.

Examples:
  tubelet shader layer_norm
  tubelet shader attention --variant workgroup --case temporal
  tubelet shader linear --variant plain --json | jq -r '.dispatches[0].wgsl'")]
pub(super) struct Shader {
    /// The kernel.
    #[arg(value_parser = known::<KernelName>(ALL.iter().map(|family| family.name)), hide_possible_values = true)]
    kernel: KernelName,
    /// The case: a part of its name. Without it the first size of a real model.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
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
    kernel: &'static str,
    variant: &'static str,
    case: String,
    #[serde(flatten)]
    listing: Listing,
}

impl super::Run for Shader {
    fn run(self) -> Result<()> {
        let found = ALL.iter().find(|family| family.name == self.kernel.0);
        let family = found.ok_or_else(|| Error::usage(format!("there is no kernel \"{}\"", self.kernel.0)))?;
        let case = self.case(family)?;
        let device = self.device.open_gpu(true)?;
        let capabilities = case.device(device.capabilities());
        let ExecutorOptions { variants, precision, .. } = self.device.options(&device.into());
        let precision = if precision == Precision::F32 { case.precision } else { precision };
        let plan = variants.plan(&*case.call, &capabilities, precision)?;
        let listing = Listing::of(family, &plan)?;
        let mut preamble = Preamble::new("shader");
        preamble.device = Some(capabilities.name);
        preamble.tuned = variants.is_tuned().then_some(true);
        let (kernel, variant) = (family.name, plan.variant.name);
        let report = Report { preamble, kernel, variant, case: case.name, listing };
        output::report(self.json, &report, describe)
    }
}

impl Shader {
    fn case(&self, family: &Family) -> Result<Case> {
        let cases = (family.cases)();
        let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
        let index = match &self.case {
            Some(part) => names.iter().position(|name| name.contains(part.as_str())),
            None => Some(cases.iter().position(|case| case.timed).unwrap_or(0)),
        };
        let part = self.case.as_deref().unwrap_or_default();
        index.and_then(|index| cases.into_iter().nth(index)).ok_or_else(|| {
            Error::usage(format!("kernel {} has no case \"{part}\"; it has {}", family.name, names.join(", ")))
        })
    }
}

fn describe(report: &Report) -> String {
    let Report { preamble, kernel, variant, case, listing } = report;
    let device = preamble.device.as_deref().unwrap_or_default();
    format!("// {kernel}, variant {variant}, case {case}, on {device}\n{listing}")
}
