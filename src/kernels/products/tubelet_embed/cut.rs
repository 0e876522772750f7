//! How a call that reads tubelets from clips is cut, and what its kernels are told of them.

use std::ops::Range;

use super::TubeletEmbed;
use crate::gpu::Limits;
use crate::kernels::products::tile::Stored;
use crate::kernels::shader::cut::{self, room_anywhere, runs_anywhere};
use crate::kernels::shader::{Unfit, word};
use crate::tensor::{Element, Result};

/// The clips and temporal indices of one launch: several whole clips, or a part of one.
#[derive(Clone, Debug)]
pub(in crate::kernels::products) struct Piece {
    pub(in crate::kernels::products) clips: Range<usize>,
    pub(in crate::kernels::products) times: Range<usize>,
}

crate::uniform! {
    /// Where the tubelets of a piece lie: `shaders/products/tubelet_fields.wgsl`.
    pub(in crate::kernels::products) struct Tubelets {
        times: u32,
        token_rows: u32,
        token_columns: u32,
        tubelet_frames: u32,
        tubelet_rows: u32,
        tubelet_columns: u32,
        clip_start: u32,
        clip_stride: u32,
        frame_stride: u32,
        row_stride: u32,
        column_stride: u32,
        plane_stride: u32,
    }
}

impl TubeletEmbed {
    /// Whole clips where at least one fits, else the temporal indices of each.
    pub(in crate::kernels::products) fn pieces(&self, stored: Stored, limits: &Limits) -> Result<Vec<Piece>> {
        let bytes = |clip, output| [stored.factor.bytes_of(clip), stored.output.bytes_of(output)];
        let [times, ..] = self.grid();
        let clip = bytes(self.frames * self.frame(), times * self.slab() * self.outputs);
        if clip.iter().all(|&bytes| bytes <= room_anywhere(limits)) {
            let runs = runs_anywhere(self.batch, &clip, limits)?;
            return Ok(runs.into_iter().map(|clips| Piece { clips, times: 0..times }).collect());
        }
        let time = bytes(self.tubelet[0] * self.frame(), self.slab() * self.outputs);
        let runs = runs_anywhere(times, &time, limits)?;
        let cut = |clip| runs.iter().map(move |times| Piece { clips: clip..clip + 1, times: times.clone() });
        Ok((0..self.batch).flat_map(cut).collect())
    }

    /// The bytes of all clips that a piece reads, and those of the output that it writes.
    pub(in crate::kernels::products) fn windows(
        &self,
        Piece { clips, times }: &Piece,
        stored: Stored,
    ) -> [Range<u64>; 2] {
        let window = |clip: usize, time: usize, element: Element| {
            let index = |clips: usize, times: usize| clips * clip + times * time;
            cut::bytes(&(index(clips.start, times.start)..index(clips.end - 1, times.end)), element.bytes())
        };
        let [all_times, ..] = self.grid();
        let tokens = self.slab() * self.outputs;
        [
            window(self.frames * self.frame(), self.tubelet[0] * self.frame(), stored.factor),
            window(all_times * tokens, tokens, stored.output),
        ]
    }

    /// What kernels are told of a piece whose first frame is at `clip_start` in the bound clips.
    pub(in crate::kernels::products) fn tubelets(&self, piece: &Piece, clip_start: u32) -> Result<Tubelets, Unfit> {
        let [_, token_rows, token_columns] = self.grid();
        let [tubelet_frames, tubelet_rows, tubelet_columns] = self.tubelet;
        let strides = self.layout.strides([self.rows, self.columns], self.planes);
        Ok(Tubelets {
            times: word(piece.times.len())?,
            token_rows: word(token_rows)?,
            token_columns: word(token_columns)?,
            tubelet_frames: word(tubelet_frames)?,
            tubelet_rows: word(tubelet_rows)?,
            tubelet_columns: word(tubelet_columns)?,
            clip_start,
            clip_stride: word(self.frames * self.frame())?,
            frame_stride: word(self.frame())?,
            row_stride: word(strides.row)?,
            column_stride: word(strides.column)?,
            plane_stride: word(strides.plane)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::products::tubelet_embed::tests::call;
    use crate::kernels::shader::cut::align_down;

    #[test]
    fn pieces_cover_every_token_once() {
        let limits = |binding_bytes| Limits { binding_bytes, ..Limits::WEBGPU };
        let stored = Stored { factor: Element::F32, weight: Element::F32, output: Element::F32 };
        for (bytes, count) in [(1 << 20, 1), (24_000, 2), (12_000, 3), (7_000, 6), (4_000, 9)] {
            let pieces = call().pieces(stored, &limits(bytes)).unwrap();
            assert_eq!(pieces.len(), count, "{bytes} bytes: {pieces:?}");
            let mut written = 0;
            for piece in pieces {
                let [clip, output] = call().windows(&piece, stored);
                assert_eq!(output.start, written);
                written = output.end;
                for window in [clip, output] {
                    let (window, _) = align_down(window, Element::F32, &limits(bytes));
                    assert!(window.end - window.start <= bytes);
                }
            }
            assert_eq!(written, 4 * 3 * 3 * 2 * 3 * 13);
        }
        assert!(call().pieces(stored, &limits(3_000)).is_err());
    }
}
