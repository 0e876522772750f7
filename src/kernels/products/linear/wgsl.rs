//! The linear layer in WGSL, on the tile of products.

use super::cut::Piece;
use super::{Linear, OutputLayout};
use crate::kernels::activation::Activation;
use crate::kernels::products::tile::{self, Choice, Tile};
use crate::kernels::shader::{Dispatches, Literals, Planned, Unfit, wgsl, word};

/// Index of the weight among the bindings.
const WEIGHT: usize = 1;

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
pub(super) static VARIANTS: [Planned<Linear>; 3] = [
    Planned::software(wgsl!("products/linear.subgroup.wgsl"), tile::SUBGROUP, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("products/linear.workgroup.wgsl"), tile::WORKGROUP, |call, to| plan(call, to, Tile::workgroup)),
    Planned::any(wgsl!("products/linear.wgsl"), tile::PLAIN, |call, to| plan(call, to, Tile::plain)),
];

fn plan(call: &Linear, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let aligned = call.is_aligned();
    let wide = aligned && call.inner.is_multiple_of(8);
    let tile = choose(dispatches.device(), call.rows, call.columns, wide)?;
    dispatches.check_iterations(tile.iterations(call.inner))?;
    let weight = tile.weight(dispatches.weights());
    dispatches.format(WEIGHT, weight);
    let literals = tile.literals(weight.element).with("aligned", aligned);
    let literals = literals.with("activated", call.activation.is_some());
    for piece in call.pieces(tile.panel(), weight.element, dispatches.limits())? {
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
        let windows = self.windows(piece, tile.panel(), dispatches.weights());
        dispatches.launch(groups, literals.clone(), &uniform, windows)
    }
}
