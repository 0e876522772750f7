//! Which part of a clip is seen, how large and which way round.

use serde::{Deserialize, Serialize};

use super::DrawnAugmentation;
use super::frames::{PLANES, RgbFrames};
use crate::tensor::{Error, Result};
use crate::video::colour::rgb;
use crate::video::preset::LARGEST_SIDE;
use crate::video::{Clip, Lerp};

/// Height and width are multiplied by a random factor each, so that the aspect ratio changes (spec §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ScaleJitter {
    /// How likely it is.
    #[serde(default = "always")]
    pub probability: f64,
    /// The smallest factor.
    pub least: f64,
    /// The largest factor.
    pub most: f64,
}

fn always() -> f64 {
    1.0
}

impl ScaleJitter {
    /// Factors between `least` and `most`, for every clip.
    pub const fn new(least: f64, most: f64) -> Self {
        Self { probability: 1.0, least, most }
    }

    /// How likely it is.
    #[must_use]
    pub const fn probability(self, probability: f64) -> Self {
        Self { probability, ..self }
    }
}

/// The size [Y, X] of a picture after jittering, truncated: of the product rounded to f32, as TensorFlow computes it.
pub(super) fn jittered(size: [usize; 2], scales: [f32; 2]) -> [usize; 2] {
    [0, 1].map(|axis| (scales[axis] * size[axis] as f32) as usize)
}

/// The part of a clip that was drawn, `size` = [Y, X] pixels: short side, scale, crop, flip. Frames of another size than
/// the first are brought to the same.
pub(super) fn placed(clip: &Clip, drawn: &DrawnAugmentation, size: [usize; 2]) -> Result<RgbFrames> {
    let mut bytes = Vec::with_capacity(clip.frames().len() * size[0] * size[1] * PLANES);
    for frame in clip.frames() {
        let picture = Picture { size: [frame.height(), frame.width()], bytes: &rgb(frame) };
        match drawn.jittered {
            None => bytes.extend(picture.seen(drawn.resized, drawn.offset, size)?),
            Some(jittered) => {
                let resized = picture.resized(drawn.resized)?;
                let picture = Picture { size: drawn.resized, bytes: &resized };
                bytes.extend(picture.seen(jittered, drawn.offset, size)?);
            }
        }
    }
    if drawn.flipped {
        flip(&mut bytes, size[1]);
    }
    Ok(RgbFrames { size, bytes })
}

/// Mirrors rows of `width` pixels.
fn flip(bytes: &mut [u8], width: usize) {
    bytes.as_chunks_mut::<PLANES>().0.chunks_exact_mut(width).for_each(<[_]>::reverse);
}

/// `[Y, X, 3]`.
struct Picture<'a> {
    size: [usize; 2],
    bytes: &'a [u8],
}

impl Picture<'_> {
    fn resized(&self, resized: [usize; 2]) -> Result<Vec<u8>> {
        self.seen(resized, [0, 0], resized)
    }

    /// `size` pixels from `offset` on of the picture brought to `resized`, by TensorFlow's bilinear.
    fn seen(&self, resized: [usize; 2], offset: [usize; 2], size: [usize; 2]) -> Result<Vec<u8>> {
        let [rows, columns] = [0, 1].map(|axis| {
            let end =
                offset[axis].checked_add(size[axis]).filter(|end| *end <= resized[axis] && size[axis] <= LARGEST_SIDE);
            let end = end.ok_or_else(|| outside(resized, offset, size))?;
            Lerp::new(self.size[axis], resized[axis], offset[axis]..end)
        });
        Ok(self.bilinear(&rows?, &columns?))
    }

    /// In f32, one rounding an operation: columns, then rows, then truncated.
    fn bilinear(&self, rows: &Lerp, columns: &Lerp) -> Vec<u8> {
        let pixels = self.bytes.as_chunks::<PLANES>().0;
        let width = self.size[1];
        let mut bytes = Vec::with_capacity(rows.lower.len() * columns.lower.len() * PLANES);
        for ((above, below), down) in rows.lower.iter().zip(&rows.upper).zip(&rows.fraction) {
            let [above, below] = [above, below].map(|row| &pixels[*row as usize * width..][..width]);
            for ((left, right), across) in columns.lower.iter().zip(&columns.upper).zip(&columns.fraction) {
                let (left, right) = (*left as usize, *right as usize);
                for plane in 0..PLANES {
                    let top = between(above[left][plane].into(), above[right][plane].into(), *across);
                    let bottom = between(below[left][plane].into(), below[right][plane].into(), *across);
                    bytes.push(between(top, bottom, *down) as u8);
                }
            }
        }
        bytes
    }
}

fn between(from: f32, to: f32, fraction: f32) -> f32 {
    from + (to - from) * fraction
}

fn outside(resized: [usize; 2], offset: [usize; 2], size: [usize; 2]) -> Error {
    Error::usage(format!(
        "a crop of {}x{} pixels (height x width) at {}, {} does not fit a frame of {}x{}; draw the place for clips of this \
         size, or crop less",
        size[0], size[1], offset[0], offset[1], resized[0], resized[1]
    ))
}
