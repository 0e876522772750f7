//! The gradients of attention in WGSL.

use super::AttentionGradient;
use crate::gpu::{Capabilities, Limits};
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Dispatches, Needs, Planned, Unfit, wgsl, word};
use crate::tensor::{Element, Result};

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

/// The ways to compute it, the preferred first within each device class, chosen as for the forward pass: software devices
/// have few loads with a subgroup, GPUs with tiles in workgroup memory, which cost the former more than they save.
pub(super) static VARIANTS: [Planned<AttentionGradient>; 3] = [
    Planned::software(wgsl!("attention/backward.subgroup.wgsl"), Tile::SUBGROUP_NEEDS, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/backward.workgroup.wgsl"), SHARED_NEEDS, |call, to| plan(call, to, shared)),
    Planned::any(wgsl!("attention/backward.wgsl"), Tile::PLAIN_NEEDS, |call, to| plan(call, to, Tile::plain)),
];

/// For short sequences, as over time: one tile of few tokens has all of them.
const SHORT: Tile = Tile::Shared { queries: 16, lanes: 4, rows: 2 };
/// For heads to [`LONG_WIDTH`]: 4 × 4 scores an invocation, and 4 × ⌈D/32⌉ quads of each sum.
const LONG: Tile = Tile::Shared { queries: 32, lanes: 8, rows: 4 };
/// For wider ones: half the others in memory, half the rows in registers.
const WIDE: Tile = Tile::Shared { queries: 32, lanes: 4, rows: 2 };
/// For the widest: half of each once more.
const WIDEST: Tile = Tile::Shared { queries: 32, lanes: 2, rows: 1 };

/// As wide as the heads of ViT-H.
const LONG_WIDTH: usize = 80;
/// The widest heads of [`SHORT`] and [`WIDE`] tiles.
const WIDE_WIDTH: usize = 128;

/// What any of these tiles needs, within what every device of WebGPU has.
const SHARED_NEEDS: Needs = {
    let tiles = [(SHORT, WIDE_WIDTH), (LONG, LONG_WIDTH), (WIDE, WIDE_WIDTH), (WIDEST, Qkv::WIDEST)];
    let (mut invocations, mut bytes, mut index) = (0, 0, 0);
    while index < tiles.len() {
        let [of_tile, bytes_of_tile] = needs(tiles[index].0, tiles[index].1 as u32);
        invocations = if of_tile > invocations { of_tile } else { invocations };
        bytes = if bytes_of_tile > bytes { bytes_of_tile } else { bytes };
        index += 1;
    }
    assert!(bytes <= Limits::WEBGPU.workgroup_bytes && invocations <= Limits::WEBGPU.workgroup_invocations);
    Needs::invocations(invocations).workgroup_bytes(bytes)
};

/// The invocations of a shared tile, and its bytes of workgroup memory: the other tokens of an operand with their moments and
/// four numbers each, and a weight for each of them and each own token.
const fn needs(tile: Tile, width: u32) -> [u32; 2] {
    let Tile::Shared { queries, lanes, rows } = tile else { return [0; 2] };
    let others = 4 * lanes;
    let floats = others * (width.next_multiple_of(4) + 1 + 4) + queries * others;
    [queries / rows * lanes, floats * Element::F32.bytes() as u32]
}

/// The tile of a workgroup.
fn shared(_: &Capabilities, width: usize, tokens: usize, _: &Mask) -> Tile {
    match (width, tokens) {
        (0..=WIDE_WIDTH, 0..=16) => SHORT,
        (0..=LONG_WIDTH, _) => LONG,
        (0..=WIDE_WIDTH, _) => WIDE,
        _ => WIDEST,
    }
}

/// Whose gradients a launch gives: of queries, of keys and values, or of all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Queries,
    Keys,
    All,
}

impl Of {
    fn queries(self) -> bool {
        self != Self::Keys
    }

    fn keys(self) -> bool {
        self != Self::Queries
    }
}

/// For each part a launch, or several, for the queries, and then for keys and values; or for all three, by five products
/// instead of seven, where a workgroup has all keys of a sequence.
fn plan(call: &AttentionGradient, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    for part in &call.parts {
        let tokens = part.sequences.tokens;
        let tile = choose(dispatches.device(), call.qkv.width, tokens, &part.mask);
        let whole = matches!(tile, Tile::Shared { queries, .. } if tokens <= queries as usize);
        // What such a launch writes lies from the queries' plane to the values': it may be more than a binding takes.
        if whole && let Ok(cuts) = cuts(call, part, Of::All, dispatches.limits()) {
            launch(call, part, Of::All, tile, cuts, dispatches)?;
            continue;
        }
        for of in [Of::Queries, Of::Keys] {
            let cuts = cuts(call, part, of, dispatches.limits())?;
            launch(call, part, of, tile, cuts, dispatches)?;
        }
    }
    Ok(())
}

/// The launches of a part whose operands fit the bindings.
fn cuts(call: &AttentionGradient, part: &Part, of: Of, limits: &Limits) -> Result<Vec<Cut>> {
    let qkv = &call.qkv;
    let all = |all_tokens: bool, addresses: Addresses| Addresses { all_tokens, ..addresses };
    let [query, key, value] = [0, 1, 2].map(|which| Addresses::of_input(qkv, part, which));
    // Those of its own tokens alone, or those of every token of the sequence.
    let inputs = [all(of.keys(), query), all(of.queries(), key), all(of.queries(), value)];
    let written = match of {
        Of::Queries => all(false, query),
        Of::Keys => Addresses { run: call.plane() + qkv.width, ..all(false, key) },
        Of::All => Addresses { run: 2 * call.plane() + qkv.width, ..all(true, query) },
    };
    let [statistics, products, gradient] = call.of_rows(part).map(|addresses| all(of.keys(), addresses));
    let cutter = Cutter {
        qkv,
        part,
        queries: 0..part.sequences.tokens,
        inputs: &inputs,
        outputs: &[statistics, products, gradient, written],
        rows: part.sequences.row_strides(),
        limits,
    };
    cutter.cut()
}

fn launch(
    call: &AttentionGradient,
    part: &Part,
    of: Of,
    tile: Tile,
    cuts: Vec<Cut>,
    dispatches: &mut Dispatches<'_>,
) -> Result<(), Unfit> {
    let (qkv, mask) = (&call.qkv, &part.mask);
    dispatches.check_iterations(iterations(tile, qkv.width, part.sequences.tokens, of))?;
    let literals = tile.literals(qkv.width).with("of_queries", of.queries()).with("of_keys", of.keys());
    let literals = literals.with("masked", mask.causal || mask.validity);
    for Cut { common, windows, bases, .. } in cuts {
        let uniform = Uniform {
            common,
            columns: word(call.columns())?,
            value_base: bases[2],
            empty_row: mask.empty_row.code(),
            rows: word(qkv.rows)?,
            products_base: bases[5],
            gradient_base: bases[6],
            written_base: bases[7],
            plane: word(call.plane())?,
        };
        dispatches.launch(tile.groups(&common)?, literals.clone(), &uniform, windows)?;
    }
    Ok(())
}

/// Loop iterations of one invocation.
fn iterations(tile: Tile, width: usize, tokens: usize, of: Of) -> u64 {
    // Devices that limit iterations count up to two more than a loop has turns.
    let looped = |turns: u64, inner: u64| turns * (1 + inner) + 2;
    let (tokens, quads) = (tokens as u64, width.div_ceil(4) as u64);
    let (queries, lanes, rows) = match tile {
        // Queries take several keys a step, keys one query.
        Tile::Plain { .. } => return looped(tokens, 0),
        Tile::Subgroup { keys, .. } => {
            let keys = u64::from(keys);
            return looped(tokens.div_ceil(keys), 2 * looped(quads, 0) + looped(keys / 4, 0));
        }
        Tile::Shared { queries, lanes, rows } => (queries, lanes, rows),
    };
    let (lanes, others, invocations) = (u64::from(lanes), u64::from(4 * lanes), u64::from(queries / rows * lanes));
    let spread = |turns: u64, inner: u64| looped(turns.div_ceil(invocations), inner);
    let (staging, products, sums) = (spread(others * quads, 0), looped(quads, 0), looped(lanes, 0));
    let of_keys = if of.keys() { staging + sums } else { 0 };
    let of_queries = if of == Of::All { spread(lanes * quads, looped(tokens, 0)) } else { 0 };
    let step = spread(others, 0) + 2 * (staging + products) + sums + of_keys + of_queries;
    looped(tokens.div_ceil(others), step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::DeviceKind;
    use crate::kernels::attention::sequences::Sequences;
    use crate::kernels::contract::Operation;
    use crate::kernels::shader::{Launch, Precision};

    fn launches(sequences: Sequences, binding_bytes: u64) -> Vec<Launch> {
        let part = Part { heads: 0..4, sequences, mask: Mask::NONE };
        let call = AttentionGradient::new(Qkv::in_planes(sequences.rows(), 4, 64), vec![part]);
        let mut device = Capabilities::of_kind(DeviceKind::Discrete);
        (device.limits.binding_bytes, device.limits.loop_iterations) = (binding_bytes, Some(65_535));
        Operation::plan(&call, &VARIANTS[1].variant, &device, Precision::F32).unwrap().launches
    }

    #[test]
    fn a_workgroup_that_has_all_keys_of_a_sequence_gives_everything() {
        assert_eq!(launches(Sequences::temporal(2, 16, 20), 128 << 20).len(), 1);
        assert_eq!(launches(Sequences::joint(2, 32), 128 << 20).len(), 1);
        assert_eq!(launches(Sequences::joint(2, 33), 128 << 20).len(), 2);
        assert_eq!(launches(Sequences::joint(1, 3137), 128 << 20).len(), 2);
    }

    #[test]
    fn what_is_written_at_once_fits_a_binding() {
        // A plane has 640 KiB: what lies from keys to values fits, from queries to values it does not.
        let launches = launches(Sequences::temporal(2, 16, 20), 3 << 18);
        assert!(launches.len() > 1);
        let mut windows = launches.iter().flat_map(|launch| launch.windows.iter().flatten());
        assert!(windows.all(|window| window.end - window.start <= 3 << 18));
    }
}
