//! The tubelet embedding in WGSL, on the tile of products.

use std::ops::Range;

use super::TubeletEmbed;
use crate::gpu::Limits;
use crate::kernels::products::tile::{self, Choice, Tile};
use crate::kernels::shader::cut::{self, align_down, room_anywhere, runs_anywhere};
use crate::kernels::shader::{Dispatches, Literals, Planned, Unfit, wgsl, word};
use crate::tensor::{Element, Result};

/// The clips and temporal indices of one launch: several whole clips, or a part of one.
#[derive(Clone, Debug)]
struct Piece {
    clips: Range<usize>,
    times: Range<usize>,
}

/// Index of the weight among the bindings.
const WEIGHT: usize = 1;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        inner: u32,
        columns: u32,
        bias: u32,
        times: u32,
        token_rows: u32,
        token_columns: u32,
        tubelet_frames: u32,
        tubelet_rows: u32,
        tubelet_columns: u32,
        clip_stride: u32,
        frame_stride: u32,
        row_stride: u32,
        column_stride: u32,
        plane_stride: u32,
        clip_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<TubeletEmbed>; 3] = [
    Planned::software(wgsl!("products/tubelet_embed.subgroup.wgsl"), tile::SUBGROUP, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("products/tubelet_embed.workgroup.wgsl"), tile::WORKGROUP, |call, to| {
        plan(call, to, Tile::workgroup)
    }),
    Planned::any(wgsl!("products/tubelet_embed.wgsl"), tile::PLAIN, |call, to| plan(call, to, Tile::plain)),
];

fn plan(call: &TubeletEmbed, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let tokens = call.batch * call.grid().iter().product::<usize>();
    let tile = choose(dispatches.device(), tokens, call.outputs, false)?;
    dispatches.check_iterations(tile.iterations(call.inner()))?;
    let weight = tile.weight(dispatches.weights());
    dispatches.format(WEIGHT, weight);
    let literals = tile.literals(weight.element).with("aligned", call.aligned());
    for piece in call.pieces(dispatches.limits())? {
        call.launch(tile, &literals, &piece, dispatches)?;
    }
    Ok(())
}

impl TubeletEmbed {
    /// Whole clips where at least one fits, else the temporal indices of each.
    fn pieces(&self, limits: &Limits) -> Result<Vec<Piece>> {
        let bytes = |elements| Element::F32.bytes_of(elements);
        let [times, ..] = self.grid();
        let clip = [bytes(self.frames * self.frame()), bytes(times * self.slab() * self.outputs)];
        if clip.iter().all(|&bytes| bytes <= room_anywhere(limits)) {
            let runs = runs_anywhere(self.batch, &clip, limits)?;
            return Ok(runs.into_iter().map(|clips| Piece { clips, times: 0..times }).collect());
        }
        let time = [bytes(self.tubelet[0] * self.frame()), bytes(self.slab() * self.outputs)];
        let runs = runs_anywhere(times, &time, limits)?;
        let cut = |clip| runs.iter().map(move |times| Piece { clips: clip..clip + 1, times: times.clone() });
        Ok((0..self.batch).flat_map(cut).collect())
    }

    /// The elements of all clips that a piece reads, and those of the output that it writes.
    fn windows(&self, Piece { clips, times }: &Piece) -> [Range<u64>; 2] {
        let window = |clip: usize, time: usize| {
            let element = |clips: usize, times: usize| clips * clip + times * time;
            cut::bytes(&(element(clips.start, times.start)..element(clips.end - 1, times.end)), Element::F32.bytes())
        };
        let [all_times, ..] = self.grid();
        let tokens = self.slab() * self.outputs;
        [window(self.frames * self.frame(), self.tubelet[0] * self.frame()), window(all_times * tokens, tokens)]
    }

    fn launch(
        &self,
        tile: Tile,
        literals: &Literals,
        piece: &Piece,
        dispatches: &mut Dispatches<'_>,
    ) -> Result<(), Unfit> {
        let [_, token_rows, token_columns] = self.grid();
        let [tubelet_frames, tubelet_rows, tubelet_columns] = self.tubelet;
        let strides = self.layout.strides([self.rows, self.columns], self.planes);
        let [clip, output] = self.windows(piece);
        let (clip, clip_start) = align_down(clip, dispatches.limits());
        let (output, output_start) = align_down(output, dispatches.limits());
        let rows = piece.clips.len() * piece.times.len() * self.slab();
        let groups = tile.groups(rows, self.outputs);
        let uniform = Uniform {
            rows: word(rows)?,
            inner: word(self.inner())?,
            columns: word(self.outputs)?,
            bias: self.bias.into(),
            times: word(piece.times.len())?,
            token_rows: word(token_rows)?,
            token_columns: word(token_columns)?,
            tubelet_frames: word(tubelet_frames)?,
            tubelet_rows: word(tubelet_rows)?,
            tubelet_columns: word(tubelet_columns)?,
            clip_stride: word(self.frames * self.frame())?,
            frame_stride: word(self.frame())?,
            row_stride: word(strides.row)?,
            column_stride: word(strides.column)?,
            plane_stride: word(strides.plane)?,
            clip_start,
            output_start,
        };
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(clip), None, None, Some(output)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::products::tubelet_embed::tests::call;

    #[test]
    fn pieces_cover_every_token_once() {
        let limits = |binding_bytes| Limits { binding_bytes, ..Limits::WEBGPU };
        for (bytes, count) in [(1 << 20, 1), (24_000, 2), (12_000, 3), (7_000, 6), (4_000, 9)] {
            let pieces = call().pieces(&limits(bytes)).unwrap();
            assert_eq!(pieces.len(), count, "{bytes} bytes: {pieces:?}");
            let mut written = 0;
            for piece in pieces {
                let [clip, output] = call().windows(&piece);
                assert_eq!(output.start, written);
                written = output.end;
                for window in [clip, output] {
                    let (window, _) = align_down(window, &limits(bytes));
                    assert!(window.end - window.start <= bytes);
                }
            }
            assert_eq!(written, 4 * 3 * 3 * 2 * 3 * 13);
        }
        assert!(call().pieces(&limits(3_000)).is_err());
    }
}
