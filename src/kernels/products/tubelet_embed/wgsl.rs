//! The tubelet embedding in WGSL, on the tile of products.

use super::TubeletEmbed;
use super::cut::{Piece, Tubelets};
use crate::kernels::products::tile::{self, Choice, Stored, Tile};
use crate::kernels::shader::cut::align_down;
use crate::kernels::shader::{Dispatches, Literals, Planned, Unfit, WorkgroupTile, wgsl, word};
use crate::tensor::{Format, Result};

/// Indices among the bindings.
const CLIP: usize = 0;
const WEIGHT: usize = 1;
const OUTPUT: usize = 3;

crate::uniform! {
    pub(super) struct Uniform {
        ..tubelets: Tubelets,
        rows: u32,
        inner: u32,
        columns: u32,
        bias: u32,
        output_start: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<TubeletEmbed>; 12] = [
    Planned::software(wgsl!("products/tubelet_embed.subgroup.wgsl"), tile::SUBGROUP, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("products/tubelet_embed.workgroup.wgsl"), tile::WORKGROUP, |call, to| {
        plan(call, to, Tile::workgroup)
    }),
    of_tile::<0>(),
    of_tile::<1>(),
    of_tile::<2>(),
    of_tile::<3>(),
    of_tile::<4>(),
    Planned::any(wgsl!("products/tubelet_embed.wgsl"), tile::PLAIN, |call, to| plan(call, to, Tile::plain)),
    Planned::software(wgsl!("products/tubelet_embed.f16.subgroup.wgsl"), tile::SUBGROUP.f16(), |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("products/tubelet_embed.f16.matrix.wgsl"), tile::MATRIX, |call, to| {
        plan(call, to, Tile::matrix)
    }),
    Planned::gpu(wgsl!("products/tubelet_embed.f16.workgroup.wgsl"), tile::WORKGROUP_OF_HALVES, |call, to| {
        plan(call, to, Tile::workgroup)
    }),
    Planned::any(wgsl!("products/tubelet_embed.f16.plain.wgsl"), tile::PLAIN.f16(), |call, to| {
        plan(call, to, Tile::plain)
    }),
];

/// The variant for the tile at this index in [`WorkgroupTile::ALL`].
const fn of_tile<const INDEX: usize>() -> Planned<TubeletEmbed> {
    Planned::tile(wgsl!("products/tubelet_embed.workgroup.wgsl"), WorkgroupTile::ALL[INDEX], |call, to| {
        plan(call, to, Tile::of_workgroup::<INDEX>)
    })
}

fn plan(call: &TubeletEmbed, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let tile = choose(dispatches.device(), call.tokens(), call.outputs, false)?;
    dispatches.check_iterations(tile.iterations(call.inner()))?;
    let stored = Stored::asked(dispatches);
    dispatches.format(CLIP, Format::rows(stored.factor));
    dispatches.format(WEIGHT, tile.weight(stored.weight));
    dispatches.format(OUTPUT, Format::rows(stored.output));
    let literals = tile.literals(stored).with("aligned", call.aligned());
    for piece in call.pieces(stored, dispatches.limits())? {
        call.launch(tile, &literals, &piece, dispatches)?;
    }
    Ok(())
}

impl TubeletEmbed {
    fn launch(
        &self,
        tile: Tile,
        literals: &Literals,
        piece: &Piece,
        dispatches: &mut Dispatches<'_>,
    ) -> Result<(), Unfit> {
        let stored = Stored::asked(dispatches);
        let [clip, output] = self.windows(piece, stored);
        let (clip, clip_start) = align_down(clip, stored.factor, dispatches.limits());
        let (output, output_start) = align_down(output, stored.output, dispatches.limits());
        let rows = piece.clips.len() * piece.times.len() * self.slab();
        let groups = tile.groups(rows, self.outputs);
        let uniform = Uniform {
            tubelets: self.tubelets(piece, clip_start)?,
            rows: word(rows)?,
            inner: word(self.inner())?,
            columns: word(self.outputs)?,
            bias: self.bias.into(),
            output_start,
        };
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(clip), None, None, Some(output)])
    }
}
