//! The gradients of attention in WGSL.

use super::AttentionGradient;
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::Tile;
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        columns: u32,
        value_base: u32,
        empty_row: u32,
        rows: u32,
        products_base: u32,
        gradient_base: u32,
        written_base: u32,
        plane: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<AttentionGradient>; 1] =
    [Planned::any(wgsl!("attention/backward.wgsl"), Tile::PLAIN_NEEDS, plan)];

/// For each part a launch, or several, for the queries, and then for keys and values.
fn plan(call: &AttentionGradient, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    for part in &call.parts {
        let tile = Tile::of_invocation(call.qkv.width);
        // Queries take several keys a step, keys one query.
        dispatches.check_iterations(part.sequences.tokens as u64 + 2)?;
        for of_queries in [true, false] {
            launch(call, part, of_queries, tile, dispatches)?;
        }
    }
    Ok(())
}

fn launch(
    call: &AttentionGradient,
    part: &Part,
    of_queries: bool,
    tile: Tile,
    dispatches: &mut Dispatches<'_>,
) -> Result<(), Unfit> {
    let qkv = &call.qkv;
    let all = |all_tokens: bool, addresses: Addresses| Addresses { all_tokens, ..addresses };
    let [query, key, value] = [0, 1, 2].map(|which| Addresses::of_input(qkv, part, which));
    // Those of its own token alone, and those of every token of the sequence.
    let inputs = [all(!of_queries, query), all(of_queries, key), all(of_queries, value)];
    let written = match of_queries {
        true => all(false, query),
        false => Addresses { run: call.plane() + qkv.width, ..all(false, key) },
    };
    let [statistics, products, gradient] = call.of_rows(part).map(|addresses| all(!of_queries, addresses));
    let cutter = Cutter {
        qkv,
        part,
        queries: 0..part.sequences.tokens,
        inputs: &inputs,
        outputs: &[statistics, products, gradient, written],
        rows: part.sequences.row_strides(),
        limits: dispatches.limits(),
    };
    for Cut { common, windows, bases, .. } in cutter.cut()? {
        let uniform = Uniform {
            common,
            columns: word(call.columns())?,
            value_base: bases[2],
            empty_row: part.mask.empty_row.code(),
            rows: word(qkv.rows)?,
            products_base: bases[5],
            gradient_base: bases[6],
            written_base: bases[7],
            plane: word(call.plane())?,
        };
        let literals = tile.literals(qkv.width).with("of_queries", of_queries);
        dispatches.launch(tile.groups(&common)?, literals, &uniform, windows)?;
    }
    Ok(())
}
