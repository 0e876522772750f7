//! The probabilities of attention in WGSL.

use super::AttentionProbabilities;
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::tile::Tile;
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        output_head: u32,
        empty_row: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<AttentionProbabilities>; 1] =
    [Planned::any(wgsl!("attention/probabilities.wgsl"), Tile::PLAIN_NEEDS, plan)];

fn plan(call: &AttentionProbabilities, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let AttentionProbabilities { qkv, part, queries } = call;
    let tile = Tile::of_invocation(qkv.width);
    // Two passes over the keys.
    dispatches.check_iterations(2 * tile.iterations(qkv.width, part))?;
    let inputs = [0, 1].map(|which| Addresses::of_input(qkv, part, which));
    let cutter = Cutter {
        qkv,
        part,
        queries: queries.clone(),
        inputs: &inputs,
        outputs: &[call.output_addresses()],
        rows: call.row_strides(),
        limits: dispatches.limits(),
    };
    let output_head = word(queries.len() * part.sequences.tokens)?;
    for Cut { common, windows, .. } in cutter.cut()? {
        let uniform = Uniform { common, output_head, empty_row: part.mask.empty_row.code() };
        dispatches.launch(tile.groups(&common)?, tile.literals(qkv.width), &uniform, windows)?;
    }
    Ok(())
}
