//! `tubelet shader`.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tubelet::graph::ExecutorOptions;
use tubelet::kernels::{ALL, Access, Case, Family, Field, Launch, Plan, Precision, render};
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
    /// Binding → how its operand lies.
    formats: Map<String, Value>,
    dispatches: Vec<Dispatch>,
}

#[derive(Serialize)]
struct Dispatch {
    /// Field → value.
    uniform: Map<String, Value>,
    /// Along x, y and z.
    workgroups: [u32; 3],
    /// Binding → the bytes of its operand that are bound; `null` for all of them.
    windows: Map<String, Value>,
    wgsl: String,
}

impl super::Run for Shader {
    fn run(self) -> Result<()> {
        let found = ALL.iter().find(|family| family.name == self.kernel.0);
        let family = found.ok_or_else(|| Error::usage(format!("there is no kernel \"{}\"", self.kernel.0)))?;
        let case = self.case(family)?;
        let device = self.device.open_gpu(true)?;
        let capabilities = case.device(device.capabilities());
        let ExecutorOptions { variants, precision, .. } = self.device.options();
        let precision = if precision == Precision::F32 { case.precision } else { precision };
        let plan = variants.plan(&*case.call, &capabilities, precision)?;
        let dispatches = plan.launches.iter().map(|launch| dispatch(family, &plan, launch)).collect::<Result<_>>()?;
        let formats = family.bindings.iter().zip(&plan.formats).zip(&plan.scratch);
        let formats = formats.map(|((binding, format), scratch)| match binding.access {
            Access::Scratch => (binding.name.to_owned(), format!("scratch of {scratch} bytes").into()),
            _ => (binding.name.to_owned(), format.to_string().into()),
        });
        let formats = formats.collect();
        let mut preamble = Preamble::new("shader");
        preamble.device = Some(capabilities.name);
        let (kernel, variant) = (family.name, plan.variant.name);
        let report = Report { preamble, kernel, variant, case: case.name, formats, dispatches };
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

fn dispatch(family: &Family, plan: &Plan, launch: &Launch) -> Result<Dispatch> {
    let windows = family.bindings.iter().zip(&launch.windows);
    Ok(Dispatch {
        uniform: family.uniform.iter().map(|field| (field.name.to_owned(), value(field, &launch.uniform))).collect(),
        workgroups: launch.groups,
        windows: windows
            .map(|(binding, window)| {
                (binding.name.to_owned(), json!(window.as_ref().map(|bytes| [bytes.start, bytes.end])))
            })
            .collect(),
        wgsl: render(&plan.variant.shader, launch)?,
    })
}

/// A field of a uniform, from its bytes.
fn value(field: &Field, uniform: &[u8]) -> Value {
    let mut word = [0; 4];
    if let Some(bytes) = uniform.get(field.offset..field.offset + 4) {
        word.copy_from_slice(bytes);
    }
    match field.scalar {
        "f32" => f32::from_ne_bytes(word).into(),
        "i32" => i32::from_ne_bytes(word).into(),
        _ => u32::from_ne_bytes(word).into(),
    }
}

fn describe(report: &Report) -> String {
    let Report { preamble, kernel, variant, case, formats, dispatches } = report;
    let device = preamble.device.as_deref().unwrap_or_default();
    let formats =
        formats.iter().map(|(name, format)| format!("\n//   {name}: {}", format.as_str().unwrap_or_default()));
    let formats: String = formats.collect();
    let mut blocks = vec![format!("// {kernel}, variant {variant}, case {case}, on {device}\n// operands{formats}")];
    for (index, dispatch) in dispatches.iter().enumerate() {
        blocks.push(header(index, dispatch));
        let next = dispatches.get(index + 1).map(|next| &next.wgsl);
        if next != Some(&dispatch.wgsl) {
            blocks.push(dispatch.wgsl.trim_end().to_owned());
        }
    }
    blocks.join("\n\n")
}

fn header(index: usize, dispatch: &Dispatch) -> String {
    let [x, y, z] = dispatch.workgroups;
    let uniform: Vec<_> = dispatch.uniform.iter().map(|(name, value)| format!("//   {name} = {value}")).collect();
    let window = |(name, bytes): (&String, &Value)| match bytes.as_array().map(Vec::as_slice) {
        Some([start, end]) => format!("//   {name}: bytes {start} to {end}"),
        _ => format!("//   {name}: whole"),
    };
    let windows: Vec<_> = dispatch.windows.iter().map(window).collect();
    format!(
        "// dispatch {index}: {x} × {y} × {z} workgroups\n// uniform\n{}\n// windows\n{}",
        uniform.join("\n"),
        windows.join("\n")
    )
}
