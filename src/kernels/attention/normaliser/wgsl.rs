//! The normaliser of attention in WGSL.

use super::{AttentionNormaliser, places, places_of_rows};
use crate::kernels::attention::cut::{Cut, Cutter, Places};
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Class, Dispatches, Planned, Unfit, Variant, wgsl, word};

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<AttentionNormaliser>; 3] = [
    Planned {
        variant: Variant {
            name: "subgroup",
            shader: wgsl!("attention/normaliser.subgroup.wgsl"),
            needs: Tile::SUBGROUP_NEEDS,
            class: Class::Software,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::subgroup),
    },
    Planned {
        variant: Variant {
            name: "workgroup",
            shader: wgsl!("attention/normaliser.workgroup.wgsl"),
            needs: Tile::SHARED_NEEDS,
            class: Class::Gpu,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::shared),
    },
    Planned {
        variant: Variant {
            name: "plain",
            shader: wgsl!("attention/normaliser.wgsl"),
            needs: Tile::PLAIN_NEEDS,
            class: Class::Any,
        },
        plan: |call, dispatches| plan(call, dispatches, Tile::plain),
    },
];

fn plan(call: &AttentionNormaliser, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let AttentionNormaliser { qkv, part, weighted } = call;
    let (width, tokens) = (qkv.width, part.sequences.tokens);
    let tile = choose(dispatches.device(), width, tokens, &part.mask);
    dispatches.iterate(tile.iterations(width, part))?;
    let [query, key] = [0, 1].map(|which| Places::of_input(qkv, part, which));
    let cutter = Cutter {
        qkv,
        part,
        queries: 0..tokens,
        inputs: &[query, key, places_of_rows(part)],
        output: places(qkv, part),
        limits: dispatches.limits(),
    };
    for Cut { mut uniform, windows, bases, .. } in cutter.cut()? {
        let groups = tile.groups(&uniform)?;
        uniform.groups = word(groups as usize)?;
        uniform.rows = word(qkv.rows)?;
        uniform.weighted = (*weighted).into();
        uniform.weights_base = bases[2];
        dispatches.launch(groups, tile.literals(width), &uniform, windows)?;
    }
    Ok(())
}
