//! Attention in WGSL.

use super::Attention;
use crate::kernels::attention::cut::{Cut, Cutter, Places};
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Class, Dispatches, Planned, Unfit, Variant, wgsl, word};

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Attention>; 3] = [
    Planned {
        variant: Variant {
            name: "subgroup",
            shader: wgsl!("attention/forward.subgroup.wgsl"),
            needs: Tile::SUBGROUP_NEEDS,
            class: Class::Software,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::subgroup),
    },
    Planned {
        variant: Variant {
            name: "workgroup",
            shader: wgsl!("attention/forward.workgroup.wgsl"),
            needs: Tile::SHARED_NEEDS,
            class: Class::Gpu,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::shared),
    },
    Planned {
        variant: Variant {
            name: "plain",
            shader: wgsl!("attention/forward.wgsl"),
            needs: Tile::PLAIN_NEEDS,
            class: Class::Any,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::plain),
    },
];

fn plan(call: &Attention, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let width = call.qkv.width;
    for part in &call.parts {
        let tile = choose(dispatches.device(), width, call.queries_of(part).len(), &part.mask);
        dispatches.iterate(tile.iterations(width, part))?;
        let inputs = [0, 1, 2].map(|which| Places::of_input(&call.qkv, part, which));
        let cutter = Cutter {
            qkv: &call.qkv,
            part,
            queries: call.queries_of(part),
            inputs: &inputs,
            output: call.output_places(part),
            limits: dispatches.limits(),
        };
        for Cut { mut uniform, windows, .. } in cutter.cut()? {
            let groups = tile.groups(&uniform)?;
            uniform.groups = word(groups as usize)?;
            dispatches.launch(groups, tile.literals(width), &uniform, windows)?;
        }
    }
    Ok(())
}
