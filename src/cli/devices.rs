//! `tubelet devices`.

use std::collections::BTreeMap;

use serde::Serialize;
use tubelet::gpu::{Capabilities, devices};
use tubelet::kernels::ALL;
use tubelet::tensor::{Error, ErrorKind, Result};

use super::output;

/// List the devices of this machine: capabilities, limits, and the kernel variants each would get.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tubelet devices\n  tubelet devices --json | jq '.[0].limits'")]
pub(super) struct Devices {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry {
    index: usize,
    #[serde(flatten)]
    capabilities: Capabilities,
    /// Kernel → the variant it runs; `null` where the device can run none.
    variants: BTreeMap<&'static str, Option<&'static str>>,
}

impl super::Run for Devices {
    fn run(self) -> Result<()> {
        let entries: Vec<_> = devices()
            .into_iter()
            .enumerate()
            .map(|(index, capabilities)| Entry {
                variants: ALL
                    .iter()
                    .map(|family| (family.name, family.variant_for(&capabilities).ok().map(|variant| variant.name)))
                    .collect(),
                index,
                capabilities,
            })
            .collect();
        if self.json {
            return output::print_json(&entries);
        }
        if entries.is_empty() {
            return Err(Error::new(
                ErrorKind::NoDevice,
                "no device found: install your GPU's driver, or a software device (on Debian: apt-get install \
                 mesa-vulkan-drivers libvulkan1)",
            ));
        }
        let blocks: Vec<_> = entries.iter().map(describe).collect();
        output::print(&blocks.join("\n\n"))
    }
}

fn describe(entry: &Entry) -> String {
    let Capabilities { name, backend, driver, kind, f16, int64, subgroup, timestamps, matrix_shapes, limits } =
        &entry.capabilities;
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let subgroup = subgroup.map_or("none".to_owned(), |sizes| match sizes.fixed() {
        Some(size) => format!("{size} lanes"),
        None => format!("{} to {} lanes, not fixed", sizes.smallest, sizes.largest),
    });
    let matrix = match matrix_shapes.as_slice() {
        [] => "none".to_owned(),
        shapes => shapes
            .iter()
            .map(|shape| {
                let [m, n, k] = [shape.rows, shape.columns, shape.inner];
                format!("{m}×{n}×{k} {}→{}", shape.operands, shape.accumulator)
            })
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut lines = vec![format!("{}: {name}", entry.index)];
    let mut line = |title: &str, text: String| lines.push(format!("   {title:<18}{text}"));
    line("kind", format!("{kind}, {backend}, {driver}"));
    line("subgroups", subgroup);
    line("shader types", format!("f16 {}, 64-bit integers {}", yes(*f16), yes(*int64)));
    line("GPU timestamps", yes(*timestamps).to_owned());
    line("matrix units", matrix);
    line(
        "limits",
        format!(
            "binding {}, buffer {}, workgroup memory {}, {} invocations, {} groups a dimension",
            output::bytes(limits.binding_bytes),
            output::bytes(limits.buffer_bytes),
            output::bytes(limits.workgroup_bytes.into()),
            limits.workgroup_invocations,
            limits.workgroups
        ),
    );
    for (place, (kernel, variant)) in entry.variants.iter().enumerate() {
        let title = if place == 0 { "kernels" } else { "" };
        line(title, format!("{kernel:<26}{}", variant.unwrap_or("not on this device")));
    }
    lines.join("\n")
}
