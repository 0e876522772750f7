//! The gradient of the tubelet embedding's weight in WGSL, on the tile of products of columns.

use std::ops::Range;

use super::TubeletEmbedWeightGradient;
use crate::kernels::products::columns::{ColumnTile, PLAIN, ROWS, WORKGROUP, column_runs};
use crate::kernels::products::tile::Stored;
use crate::kernels::products::tubelet_embed::cut::{Piece, Tubelets};
use crate::kernels::shader::cut::align_down;
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};
use crate::tensor::Element;

crate::uniform! {
    pub(super) struct Uniform {
        ..tubelets: Tubelets,
        rows: u32,
        columns: u32,
        inner: u32,
        first_row: u32,
        first_time: u32,
        gradient_row: u32,
        gradient_start: u32,
        output_start: u32,
        continued: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<TubeletEmbedWeightGradient>; 2] = [
    Planned::gpu(wgsl!("products/tubelet_embed_weight_gradient.workgroup.wgsl"), WORKGROUP, |call, to| {
        plan(call, to, ColumnTile::WORKGROUP)
    }),
    Planned::any(wgsl!("products/tubelet_embed_weight_gradient.wgsl"), PLAIN, |call, to| {
        plan(call, to, ColumnTile::PLAIN)
    }),
];

/// Clips and gradients are f32.
const STORED: Stored = Stored { factor: Element::F32, weight: Element::F32, output: Element::F32 };
/// Tokens up to which the kernels divide exactly in floats, counted from the start of a temporal index.
const MOST_TOKENS: usize = 1 << 20;

fn plan(call: &TubeletEmbedWeightGradient, dispatches: &mut Dispatches<'_>, tile: ColumnTile) -> Result<(), Unfit> {
    let embedding = &call.embedding;
    let [times, ..] = embedding.grid();
    tile.check(embedding.tokens(), dispatches)?;
    if times.max(embedding.slab()) + ROWS > MOST_TOKENS {
        return Err(Unfit::new(format!("a clip has {times} temporal indices of {} tokens", embedding.slab())));
    }
    let pieces = embedding.pieces(STORED, dispatches.limits())?;
    for columns in column_runs(embedding.outputs, embedding.inner(), dispatches)? {
        for (index, piece) in pieces.iter().enumerate() {
            call.launch(&columns, piece, index > 0, tile, dispatches)?;
        }
    }
    Ok(())
}

impl TubeletEmbedWeightGradient {
    /// The products of `columns` of the gradient with the tubelets of a piece, which are added to earlier ones where these
    /// are `continued`.
    fn launch(
        &self,
        columns: &Range<usize>,
        piece: &Piece,
        continued: bool,
        tile: ColumnTile,
        dispatches: &mut Dispatches<'_>,
    ) -> Result<(), Unfit> {
        let embedding = &self.embedding;
        let (inner, slab) = (embedding.inner(), embedding.slab());
        let [(clip, clip_start), (gradient, gradient_start)] =
            embedding.windows(piece, STORED).map(|window| align_down(window, Element::F32, dispatches.limits()));
        let (output, output_start) = dispatches.window(&(columns.start * inner..columns.end * inner));
        let rows = piece.clips.len() * piece.times.len() * slab;
        for first in (0..rows).step_by(ROWS) {
            let (clips, times) = (first / slab / piece.times.len(), first / slab % piece.times.len());
            let clip_start = clip_start as usize + clips * embedding.frames * embedding.frame();
            let uniform = Uniform {
                tubelets: embedding.tubelets(piece, word(clip_start)?)?,
                rows: word(ROWS.min(rows - first))?,
                columns: word(columns.len())?,
                inner: word(inner)?,
                first_row: word(first % slab)?,
                first_time: word(times)?,
                gradient_row: word(embedding.outputs)?,
                gradient_start: word(gradient_start as usize + first * embedding.outputs + columns.start)?,
                output_start,
                continued: u32::from(continued || first > 0),
            };
            let windows = vec![Some(gradient.clone()), Some(clip.clone()), Some(output.clone())];
            let literals = tile.literals(embedding.aligned());
            dispatches.launch(tile.groups(columns.len(), inner), literals, &uniform, windows)?;
        }
        Ok(())
    }
}
