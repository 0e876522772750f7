//! A frame that is being drawn, and how it becomes bytes.

use super::random::{hashed, scattered};
use super::raster::{Colour, mixed};

/// Rows and columns of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameSize {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl FrameSize {
    /// The unit of lengths in a scene, in pixels.
    pub(super) fn shorter(self) -> f32 {
        self.rows.min(self.columns) as f32
    }

    /// Width and height in shorter sides.
    pub(super) fn extent(self) -> [f32; 2] {
        [self.columns, self.rows].map(|side| side as f32 / self.shorter())
    }
}

/// The pixels of a frame, row by row.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    size: FrameSize,
    pixels: Vec<Colour>,
}

impl Drawing {
    /// Asks `colour` for each pixel, told [x, y] of its centre in pixels from the upper left corner.
    pub(super) fn new(size: FrameSize, colour: impl Fn([f32; 2]) -> Colour) -> Self {
        let centre = |index: usize| index as f32 + 0.5;
        let pixels = (0..size.rows).flat_map(|row| (0..size.columns).map(move |column| [centre(column), centre(row)]));
        Self { size, pixels: pixels.map(colour).collect() }
    }

    /// Lays something over the pixels within `reach` of [x, y]; it is asked for its colour and how much of the pixel it
    /// covers, told how far the pixel's centre is from [x, y]. All in pixels.
    pub(super) fn cover(&mut self, [x, y]: [f32; 2], reach: f32, of: impl Fn([f32; 2]) -> (Colour, f32)) {
        let range = |centre: f32, side: usize| {
            let bound = |edge: f32| edge.clamp(0.0, side as f32) as usize;
            bound((centre - reach).floor())..bound((centre + reach).ceil())
        };
        for row in range(y, self.size.rows) {
            for column in range(x, self.size.columns) {
                let (colour, share) = of([column as f32 + 0.5 - x, row as f32 + 0.5 - y]);
                if share > 0.0 {
                    let pixel = &mut self.pixels[row * self.size.columns + column];
                    *pixel = mixed(*pixel, colour, share.min(1.0));
                }
            }
        }
    }

    /// Bytes that its pixels take while it is drawn.
    pub(super) fn pixel_bytes(&self) -> usize {
        size_of_val(self.pixels.as_slice())
    }

    /// Red, green and blue bytes with the noise of a sensor, of `noise` steps at most.
    pub(super) fn bytes(&self, seed: u32, noise: f32) -> Vec<u8> {
        let planes = self.pixels.iter().enumerate().flat_map(|(pixel, colour)| {
            let word = scattered(seed, [pixel as u32, 0]);
            (0..3).map(move |plane| (colour[plane as usize], hashed(word ^ plane)))
        });
        planes.map(|(value, word)| (255.0 * value + noise * triangular(word) + 0.5).clamp(0.0, 255.0) as u8).collect()
    }
}

/// From -1 to 1, most often near 0.
fn triangular(word: u32) -> f32 {
    ((word & 0xffff) as f32 + (word >> 16) as f32) / 65_535.0 - 1.0
}

/// The frame with left and right exchanged.
pub(super) fn mirrored(bytes: &[u8], columns: usize) -> Vec<u8> {
    let row = |row: &[u8]| row.chunks_exact(3).rev().flatten().copied().collect::<Vec<_>>();
    bytes.chunks_exact(3 * columns).flat_map(row).collect()
}
