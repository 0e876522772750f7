//! The linear layer in WGSL, on the tile of products.

use super::cut::Piece;
use super::{Linear, OutputLayout};
use crate::kernels::activation::Activation;
use crate::kernels::products::tile::{self, Choice, Stored, Tile};
use crate::kernels::shader::{Dispatches, Literals, Planned, Unfit, WorkgroupTile, wgsl, word};
use crate::tensor::Format;

/// Indices among the bindings.
const INPUT: usize = 0;
const WEIGHT: usize = 1;
const OUTPUT: usize = 4;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        inner: u32,
        columns: u32,
        activation: u32,
        bias: u32,
        residual: u32,
        panel: u32,
        panel_rows: u32,
        first_row: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Linear>; 12] = [
    Planned::software(wgsl!("products/linear.subgroup.wgsl"), tile::SUBGROUP, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("products/linear.workgroup.wgsl"), tile::WORKGROUP, |call, to| plan(call, to, Tile::workgroup)),
    of_tile::<0>(),
    of_tile::<1>(),
    of_tile::<2>(),
    of_tile::<3>(),
    of_tile::<4>(),
    Planned::any(wgsl!("products/linear.wgsl"), tile::PLAIN, |call, to| plan(call, to, Tile::plain)),
    Planned::software(wgsl!("products/linear.f16.subgroup.wgsl"), tile::SUBGROUP.f16(), |call, to| {
        plan(call, to, Tile::subgroup_of_halves)
    }),
    Planned::gpu(wgsl!("products/linear.f16.matrix.wgsl"), tile::MATRIX, |call, to| plan(call, to, Tile::matrix)),
    Planned::gpu(wgsl!("products/linear.f16.workgroup.wgsl"), tile::WORKGROUP_OF_HALVES, |call, to| {
        plan(call, to, Tile::workgroup)
    }),
    Planned::any(wgsl!("products/linear.f16.plain.wgsl"), tile::PLAIN.f16(), |call, to| plan(call, to, Tile::plain)),
];

/// The variant for the tile at this index in [`WorkgroupTile::ALL`].
const fn of_tile<const INDEX: usize>() -> Planned<Linear> {
    Planned::tile(wgsl!("products/linear.workgroup.wgsl"), WorkgroupTile::ALL[INDEX], |call, to| {
        plan(call, to, Tile::of_workgroup::<INDEX>)
    })
}

fn plan(call: &Linear, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let aligned = call.is_aligned();
    let wide = aligned && call.inner.is_multiple_of(8);
    let tile = choose(dispatches.device(), call.rows, call.columns, wide)?;
    dispatches.check_iterations(tile.iterations(call.inner))?;
    let stored = Stored::asked(dispatches);
    dispatches.format(INPUT, Format::rows(stored.factor));
    dispatches.format(WEIGHT, tile.weight(stored.weight));
    dispatches.format(OUTPUT, Format::rows(stored.output));
    let literals = tile.literals(stored).with("aligned", aligned);
    let literals = literals.with("activated", call.activation.is_some());
    for piece in call.pieces(tile.panel(), stored, dispatches.limits())? {
        call.launch(tile, &literals, &piece, dispatches)?;
    }
    Ok(())
}

impl Linear {
    fn launch(
        &self,
        tile: Tile,
        literals: &Literals,
        piece: &Piece,
        dispatches: &mut Dispatches<'_>,
    ) -> Result<(), Unfit> {
        let groups = tile.groups(piece.rows.len(), piece.columns.len());
        let uniform = Uniform {
            rows: word(piece.rows.len())?,
            inner: word(self.inner)?,
            columns: word(piece.columns.len())?,
            activation: self.activation.map_or(0, Activation::code),
            bias: self.bias.into(),
            residual: self.residual.into(),
            panel: word(self.plane())?,
            panel_rows: word(self.rows)?,
            first_row: match self.output {
                OutputLayout::Rows => 0,
                OutputLayout::Planes { .. } => word(piece.rows.start)?,
            },
        };
        let windows = self.windows(piece, tile.panel(), Stored::asked(dispatches));
        dispatches.launch(groups, literals.clone(), &uniform, windows)
    }
}
