//! Attention in WGSL.

use super::Attention;
use crate::kernels::attention::cut::{Common, Cut, Cutter, Places};
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        columns: u32,
        value_base: u32,
        empty_row: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Attention>; 3] = [
    Planned::software(wgsl!("attention/forward.subgroup.wgsl"), Tile::SUBGROUP_NEEDS, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/forward.workgroup.wgsl"), Tile::SHARED_NEEDS, |call, to| {
        plan(call, to, Tile::shared)
    }),
    Planned::any(wgsl!("attention/forward.wgsl"), Tile::PLAIN_NEEDS, |call, to| plan(call, to, Tile::plain)),
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
            outputs: &[call.output_places(part)],
            rows: call.row_strides(part),
            limits: dispatches.limits(),
        };
        for Cut { common, windows, bases, .. } in cutter.cut()? {
            let empty_row = part.mask.empty_row.code();
            let uniform = Uniform { common, columns: word(call.columns())?, value_base: bases[2], empty_row };
            dispatches.launch(tile.groups(&common)?, tile.literals(width), &uniform, windows)?;
        }
    }
    Ok(())
}
