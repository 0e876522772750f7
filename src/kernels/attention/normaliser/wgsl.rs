//! The normaliser of attention in WGSL.

use super::{AttentionNormaliser, addresses, addresses_of_rows};
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        rows: u32,
        weighted: u32,
        weights_base: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<AttentionNormaliser>; 3] = [
    Planned::software(wgsl!("attention/normaliser.subgroup.wgsl"), Tile::SUBGROUP_NEEDS, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/normaliser.workgroup.wgsl"), Tile::SHARED_NEEDS, |call, to| {
        plan(call, to, Tile::shared)
    }),
    Planned::any(wgsl!("attention/normaliser.wgsl"), Tile::PLAIN_NEEDS, |call, to| plan(call, to, Tile::plain)),
];

fn plan(call: &AttentionNormaliser, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let AttentionNormaliser { qkv, part, weighted } = call;
    let (width, tokens) = (qkv.width, part.sequences.tokens);
    let tile = choose(dispatches.device(), width, tokens, &part.mask);
    dispatches.check_iterations(tile.iterations(width, part))?;
    let [query, key] = [0, 1].map(|which| Addresses::of_input(qkv, part, which));
    let cutter = Cutter {
        qkv,
        part,
        queries: 0..tokens,
        inputs: &[query, key, addresses_of_rows(part)],
        outputs: &[addresses(qkv, part, part.heads.start)],
        rows: part.sequences.row_strides(),
        limits: dispatches.limits(),
    };
    for Cut { common, windows, bases, .. } in cutter.cut()? {
        let uniform = Uniform { common, rows: word(qkv.rows)?, weighted: (*weighted).into(), weights_base: bases[2] };
        dispatches.launch(tile.groups(&common)?, tile.literals(width), &uniform, windows)?;
    }
    Ok(())
}
