//! The probabilities of attention in WGSL.

use super::AttentionProbabilities;
use crate::kernels::attention::cut::{Cut, Cutter, Places};
use crate::kernels::attention::tile::Tile;
use crate::kernels::shader::{Class, Dispatches, Planned, Unfit, Variant, wgsl, word};

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<AttentionProbabilities>; 1] = [Planned {
    variant: Variant {
        name: "plain",
        shader: wgsl!("attention/probabilities.wgsl"),
        needs: Tile::PLAIN_NEEDS,
        class: Class::Any,
    },
    plan,
}];

fn plan(call: &AttentionProbabilities, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let AttentionProbabilities { qkv, part, queries } = call;
    let tile = Tile::of_invocation(qkv.width);
    // Two passes over the keys.
    dispatches.iterate(2 * tile.iterations(qkv.width, part))?;
    let inputs = [0, 1].map(|which| Places::of_input(qkv, part, which));
    let (queries, output) = (queries.clone(), call.output_places());
    let cutter = Cutter { qkv, part, queries, inputs: &inputs, output, limits: dispatches.limits() };
    for Cut { mut uniform, windows, .. } in cutter.cut()? {
        let groups = tile.groups(&uniform)?;
        uniform.groups = word(groups as usize)?;
        dispatches.launch(groups, tile.literals(qkv.width), &uniform, windows)?;
    }
    Ok(())
}
