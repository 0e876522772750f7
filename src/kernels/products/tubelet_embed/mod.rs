//! The tubelet embedding: a 3-D convolution whose stride is its kernel, as one product a token, read from the clip
//! without unfolding it (spec §1.3).

mod cases;
mod reference;

use std::ops::Range;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::cut::{align_down, fold_groups, room_anywhere, runs_anywhere, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::products::tile;
use crate::kernels::products::tile::Tile;
use crate::kernels::shader::{Class, Launch, Literals, Packing, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`TubeletEmbed`].
pub static FAMILY: Family = Family {
    name: "tubelet_embed",
    formula: "out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · weight[:, c, τ, y, x] + bias",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("clip", "[B, F, P, Y, X] or [B, F, Y, X, P]"),
        Binding::read("weight", "[C, P·t·h·w]"),
        Binding::read("bias", "[C]"),
        Binding::write("output", "[B·T·S, C]"),
    ],
    variants: &[
        Variant {
            name: "subgroup",
            file: "products/tubelet_embed.subgroup.wgsl",
            text: include_str!("../../../../shaders/products/tubelet_embed.subgroup.wgsl"),
            needs: tile::SUBGROUP,
            class: Class::Software,
        },
        Variant {
            name: "workgroup",
            file: "products/tubelet_embed.workgroup.wgsl",
            text: include_str!("../../../../shaders/products/tubelet_embed.workgroup.wgsl"),
            needs: tile::WORKGROUP,
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "products/tubelet_embed.wgsl",
            text: include_str!("../../../../shaders/products/tubelet_embed.wgsl"),
            needs: tile::PLAIN,
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// The place of the weight among the bindings.
const WEIGHT: usize = 1;
/// Elements of a tubelet up to which the kernels divide exactly in floats.
const LARGEST_TUBELET: usize = 1 << 20;

crate::kernel_parameters! {
    struct Parameters {
        rows: u32,
        inner: u32,
        columns: u32,
        groups: u32,
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
        padding_0: u32,
        padding_1: u32,
    }
}

/// Embeds the tubelets of `batch` clips as tokens, in the order of time, row and column. Frames, rows and columns that
/// do not fill a tubelet are dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct TubeletEmbed {
    /// B.
    pub batch: usize,
    /// F.
    pub frames: usize,
    /// Y.
    pub height: usize,
    /// X.
    pub width: usize,
    /// P.
    pub channels: usize,
    /// t, h and w.
    pub tubelet: [usize; 3],
    /// C.
    pub columns: usize,
    /// Whether a bias `[C]` is added.
    pub bias: bool,
    /// How the clip lies in memory.
    pub layout: ClipLayout,
}

/// The clips and temporal indices of one launch: several whole clips, or a part of one.
#[derive(Clone, Debug)]
struct Piece {
    clips: Range<usize>,
    times: Range<usize>,
}

impl TubeletEmbed {
    /// Tokens along time, rows and columns; none where there is no tubelet.
    fn grid(&self) -> [usize; 3] {
        let [t, h, w] = self.tubelet;
        [(self.frames, t), (self.height, h), (self.width, w)].map(|(size, step)| size.checked_div(step).unwrap_or(0))
    }

    fn tile(&self, variant: &Variant, device: &Capabilities) -> Result<Tile> {
        let rows = self.batch * self.grid().iter().product::<usize>();
        Tile::choose(variant, device, rows, self.columns, false)
    }

    /// Elements of a frame.
    fn frame(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// P·t·h·w.
    fn inner(&self) -> usize {
        self.channels * self.tubelet.iter().product::<usize>()
    }

    /// Tokens of a temporal index.
    fn slab(&self) -> usize {
        let [_, rows, columns] = self.grid();
        rows * columns
    }

    /// Whether four neighbours along k are four neighbours in the clip, at an aligned place.
    fn aligned(&self) -> bool {
        let [_, _, w] = self.tubelet;
        self.layout == ClipLayout::Btchw && [w, self.width, self.columns].iter().all(|size| size % 4 == 0)
    }

    /// Whole clips where at least one fits, else the temporal indices of each.
    fn pieces(&self, limits: &Limits) -> Result<Vec<Piece>> {
        let bytes = |elements: usize| 4 * elements as u64;
        let [times, ..] = self.grid();
        let clip = [bytes(self.frames * self.frame()), bytes(times * self.slab() * self.columns)];
        if clip.iter().all(|&bytes| bytes <= room_anywhere(limits)) {
            let runs = runs_anywhere(self.batch, &clip, limits)?;
            return Ok(runs.into_iter().map(|clips| Piece { clips, times: 0..times }).collect());
        }
        let time = [bytes(self.tubelet[0] * self.frame()), bytes(self.slab() * self.columns)];
        let runs = runs_anywhere(times, &time, limits)?;
        let cut = |clip| runs.iter().map(move |times| Piece { clips: clip..clip + 1, times: times.clone() });
        Ok((0..self.batch).flat_map(cut).collect())
    }

    /// The elements of all clips that a piece reads, and those of the output that it writes.
    fn windows(&self, Piece { clips, times }: &Piece) -> [Range<u64>; 2] {
        let window = |clip: usize, time: usize| {
            let place = |clips: usize, times: usize| clips * clip + times * time;
            cut::bytes(&(place(clips.start, times.start)..place(clips.end - 1, times.end)), 4)
        };
        let [all_times, ..] = self.grid();
        let tokens = self.slab() * self.columns;
        [window(self.frames * self.frame(), self.tubelet[0] * self.frame()), window(all_times * tokens, tokens)]
    }

    fn launch(&self, tile: Tile, literals: &Literals, piece: &Piece, device: &Capabilities) -> Result<Launch> {
        let [_, token_rows, token_columns] = self.grid();
        let [tubelet_frames, tubelet_rows, tubelet_columns] = self.tubelet;
        let strides = self.layout.strides([self.height, self.width], self.channels);
        let [clip, output] = self.windows(piece);
        let (clip, clip_start) = align_down(clip, &device.limits);
        let (output, output_start) = align_down(output, &device.limits);
        let rows = piece.clips.len() * piece.times.len() * self.slab();
        let groups = tile.groups(rows, self.columns);
        let parameters = Parameters {
            rows: word(rows)?,
            inner: word(self.inner())?,
            columns: word(self.columns)?,
            groups: word(groups as usize)?,
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
            padding_0: 0,
            padding_1: 0,
        };
        Ok(Launch {
            literals: literals.clone(),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(groups, &device.limits)?,
            windows: vec![Some(clip), None, None, Some(output)],
        })
    }
}

impl Kernel for TubeletEmbed {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { batch, frames, height, width, channels, columns, .. } = *self;
        let tokens = batch * self.grid().iter().product::<usize>();
        vec![
            Some(self.layout.shape(batch, frames, [height, width], channels)),
            Some([columns, self.inner()].into()),
            self.bias.then(|| [columns].into()),
            Some([tokens, columns].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let Self { batch, frames, height, width, channels, tubelet: [t, h, w], columns, .. } = *self;
        if [batch, channels, t, h, w, columns].contains(&0) || frames < t || height < h || width < w {
            return Err(Error::usage(format!(
                "{batch} clips of {frames} × {height} × {width} pixels in {channels} channels hold no tubelet of \
                 {t} × {h} × {w} to embed in {columns} columns"
            )));
        }
        if self.inner() > LARGEST_TUBELET {
            return Err(Error::unsupported(format!(
                "a tubelet of {t} × {h} × {w} pixels in {channels} channels has more than {LARGEST_TUBELET} elements"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        let tokens = self.batch * self.grid().iter().product::<usize>();
        (tokens * self.columns) as u64 * (2 * self.inner() as u64 + u64::from(self.bias))
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let tile = self.tile(variant, device)?;
        tile.check_depth(self.inner(), &device.limits)?;
        let literals = tile.literals().with("aligned", self.aligned());
        let pieces = self.pieces(&device.limits)?;
        pieces.iter().map(|piece| self.launch(tile, &literals, piece, device)).collect()
    }

    fn packing(&self, variant: &Variant, device: &Capabilities, binding: usize) -> Option<Packing> {
        let tile = self.tile(variant, device).ok()?;
        (binding == WEIGHT).then(|| tile.packing())
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::tubelet_embed(self, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> TubeletEmbed {
        TubeletEmbed {
            batch: 3,
            frames: 7,
            height: 9,
            width: 15,
            channels: 3,
            tubelet: [2, 4, 4],
            columns: 13,
            bias: true,
            layout: ClipLayout::Btchw,
        }
    }

    #[test]
    fn sizes_without_sense_are_errors() {
        assert!(call().validate().is_ok());
        assert!(TubeletEmbed { frames: 1, ..call() }.validate().is_err());
        assert!(TubeletEmbed { tubelet: [0, 4, 4], ..call() }.validate().is_err());
        let large = TubeletEmbed { frames: 200, height: 200, width: 200, tubelet: [200, 200, 200], ..call() };
        assert!(large.validate().is_err());
    }

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
