//! One crop of a group of frames: resize and values.

use std::ops::Range;

use crate::graph::{Graph, Value};
use crate::kernels::ClipLayout;
use crate::kernels::pixels::{Axis, Normalise, Resample, ResizeBilinear};
use crate::tensor::Result;
use crate::video::{Antialiased, CropWindow, Filter, Lerp};

/// How much of the resized picture has been computed.
pub(super) enum Seen {
    Whole,
    Crop,
}

/// One crop of a group of frames in the making.
pub(super) struct CropRecorder<'a> {
    pub(super) graph: &'a mut Graph,
    pub(super) pixels: Value,
    pub(super) frames: usize,
    pub(super) size: [usize; 2],
    pub(super) resized: [usize; 2],
    pub(super) crop: CropWindow,
    /// Of this crop among all.
    pub(super) index: usize,
}

impl CropRecorder<'_> {
    /// Values of a graph have names of their own.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{name}, crop {}", self.index)
    }

    /// Pillow's resize of the cropped part: one axis after the other, the first for the lines only that the second needs.
    pub(super) fn antialiased(&mut self, filter: Filter) -> Result<Value> {
        let Self { frames, size, resized, crop, .. } = *self;
        let mut tables = [
            Antialiased::new(filter, size[0], resized[0], crop.rows.range())?,
            Antialiased::new(filter, size[1], resized[1], crop.columns.range())?,
        ];
        let passes = match Antialiased::columns_first(size, resized) {
            true => [(Axis::X, 1, 0), (Axis::Y, 0, 1)],
            false => [(Axis::Y, 0, 1), (Axis::X, 1, 0)],
        };
        let (mut picture, mut value) = (size, self.pixels);
        for (pass, (axis, along, across)) in passes.into_iter().enumerate() {
            let lines = if pass == 0 { source_lines(&mut tables[across]) } else { 0..picture[across] };
            let Antialiased { first, count, weights, taps } = &tables[along];
            let table = Resample::table(first, count, weights, *taps)?;
            let table = self.graph.constant(&self.name(&format!("weights along {axis:?}")), table)?;
            let (length, crossed) = (first.len(), lines.len());
            let call = Resample { axis, frames, size: picture, lines, length, taps: *taps };
            picture[along] = length;
            picture[across] = crossed;
            let name = self.name(&format!("resampled along {axis:?}"));
            value = self.graph.call(call, &[Some(value), Some(table)], &name, [frames, picture[0], picture[1]])?;
        }
        Ok(value)
    }

    /// TensorFlow's resize of the cropped part.
    pub(super) fn bilinear(&mut self) -> Result<Value> {
        let Self { frames, size, resized, crop, .. } = *self;
        let mut table = |name: &str, lerp: Lerp| {
            let table = ResizeBilinear::table(&lerp.lower, &lerp.upper, &lerp.fraction)?;
            self.graph.constant(&format!("{name}, crop {}", self.index), table)
        };
        let rows = table("rows", Lerp::new(size[0], resized[0], crop.rows.range())?)?;
        let columns = table("columns", Lerp::new(size[1], resized[1], crop.columns.range())?)?;
        let output = [crop.rows.len, crop.columns.len];
        let call = ResizeBilinear { frames, input: size, output };
        let operands = [Some(self.pixels), Some(rows), Some(columns)];
        let name = self.name("resized");
        self.graph.call(call, &operands, &name, [frames, output[0], output[1]])
    }
}

/// From bytes to values, with black around the picture where it is smaller than the crop.
pub(super) fn normalise(recorder: &CropRecorder<'_>, seen: Seen, layout: ClipLayout) -> Normalise {
    let crop = recorder.crop;
    Normalise {
        clips: 1,
        frames: recorder.frames,
        picture: match seen {
            Seen::Whole => recorder.size,
            Seen::Crop => [crop.rows.len, crop.columns.len],
        },
        crop: [crop.rows.size, crop.columns.size],
        offset: [crop.rows, crop.columns].map(|axis| match seen {
            Seen::Whole => axis.from as i32 - axis.before as i32,
            Seen::Crop => -(axis.before as i32),
        }),
        layout,
    }
}

/// The source lines that a table needs; the table then counts from the first of them.
fn source_lines(table: &mut Antialiased) -> Range<usize> {
    let ends = table.first.iter().zip(&table.count).map(|(first, count)| first + count);
    let (start, end) = (table.first.iter().copied().min().unwrap_or(0), ends.max().unwrap_or(0));
    table.first.iter_mut().for_each(|first| *first -= start);
    start as usize..end as usize
}
