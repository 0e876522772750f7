//! Bytes of a decoder or a texture to pixels; bytes of video exactly as FFmpeg's scaler converts them.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`Colour`].
static FAMILY: Family = Family {
    name: "colour",
    formula: "pixels[f, y, x] = r | g << 8 | b << 16, read from rgb24, rgba8 or bgra8, or computed from yuv420p by integer \
              coefficients",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read_words("bytes", "[F, words of a frame]"), Binding::write_words("pixels", "[F, Y, X]")],
    variants: variants_of::<Colour>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Turns the bytes of `frames` frames of `size` = [Y, X] pixels into one word a pixel.
///
/// Bytes are packed in words, the first one lowest. Each frame begins with a word of its own: where its bytes do not
/// fill its last word, the rest of that word is ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct Colour {
    /// F.
    pub frames: usize,
    /// Y and X; both even for [`ColourFormat::Yuv420p`].
    pub size: [usize; 2],
    /// The layout of the bytes.
    pub format: ColourFormat,
}

/// The layout of a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColourFormat {
    /// A plane of luma `[Y, X]`, then U and V `[Y/2, X/2]` each; 2×2 pixels share a (u, v).
    Yuv420p(Coefficients),
    /// Red, green, blue of one pixel after the other: `[Y, X, 3]`.
    Rgb24,
    /// Red, green, blue, alpha of one pixel after the other. A row has X words, and begins `row_words` words after the
    /// one before. Alpha is ignored, and so are the words between rows.
    Rgba8 {
        /// At least X.
        row_words: usize,
    },
    /// As [`Rgba8`](Self::Rgba8), with blue first and red third.
    Bgra8 {
        /// At least X.
        row_words: usize,
    },
}

/// The integers that turn one pixel's (y, u, v) bytes into red, green and blue, with arithmetic shifts in 32 bits:
///
/// ```text
/// Y = (8·y − offset)·luma >> 16     U = 8·u − 1024     V = 8·v − 1024
/// r = clamp(Y + (V·red_v >> 16))
/// g = clamp(Y + (U·green_u >> 16) + (V·green_v >> 16))
/// b = clamp(Y + (U·blue_u >> 16))
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coefficients {
    /// Scale of luma.
    pub luma: i32,
    /// Eight times the luma byte of black.
    pub offset: i32,
    /// Share of V in red.
    pub red_v: i32,
    /// Share of U in green.
    pub green_u: i32,
    /// Share of V in green.
    pub green_v: i32,
    /// Share of U in blue.
    pub blue_u: i32,
}

impl ColourFormat {
    /// Words that the bytes of a frame of [Y, X] pixels take, the last one filled up.
    pub const fn frame_words(self, [height, width]: [usize; 2]) -> usize {
        match self {
            Self::Yuv420p(_) => (height * width / 2 * 3).div_ceil(4),
            Self::Rgb24 => (height * width * 3).div_ceil(4),
            Self::Rgba8 { row_words } | Self::Bgra8 { row_words } => height * row_words,
        }
    }
}

impl Kernel for Colour {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::colour;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(colour);

    fn operands(&self) -> Vec<Option<Shape>> {
        let [height, width] = self.size;
        let words = self.format.frame_words(self.size);
        vec![Some([self.frames, words].into()), Some([self.frames, height, width].into())]
    }

    fn validate(&self) -> Result<()> {
        let [height, width] = self.size;
        if self.frames * height * width == 0 {
            return Err(Error::usage(format!("{} frames of {height}x{width} have no pixels", self.frames)));
        }
        if matches!(self.format, ColourFormat::Yuv420p(_)) && (height % 2 == 1 || width % 2 == 1) {
            return Err(Error::usage(format!(
                "yuv420p frames have even sides, not {height}x{width}; decode frames of odd sides as rgb24"
            )));
        }
        if let ColourFormat::Rgba8 { row_words } | ColourFormat::Bgra8 { row_words } = self.format
            && row_words < width
        {
            return Err(Error::usage(format!("rows of {width} pixels do not fit in {row_words} words each")));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        let pixels = (self.frames * self.size[0] * self.size[1]) as u64;
        match self.format {
            // Luma: factor, difference, factor, shift; three sums. For four pixels: u and v, four products shifted, a sum.
            ColourFormat::Yuv420p(_) => 7 * pixels + 13 * pixels.div_ceil(4),
            ColourFormat::Rgb24 | ColourFormat::Rgba8 { .. } | ColourFormat::Bgra8 { .. } => 0,
        }
    }

    fn bytes_read(&self) -> u64 {
        let [height, width] = self.size;
        let words = match self.format {
            ColourFormat::Yuv420p(_) | ColourFormat::Rgb24 => self.format.frame_words(self.size),
            // Not what lies between rows.
            ColourFormat::Rgba8 { .. } | ColourFormat::Bgra8 { .. } => height * width,
        };
        Element::U32.bytes_of(self.frames * words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_four_bytes_are_read_without_the_gaps_between_rows() {
        let read = |format| Kernel::bytes_read(&Colour { frames: 3, size: [5, 7], format });
        assert_eq!(read(ColourFormat::Rgb24), 3 * 4 * 27);
        for format in [ColourFormat::Rgba8 { row_words: 64 }, ColourFormat::Bgra8 { row_words: 64 }] {
            assert_eq!(read(format), 4 * 3 * 5 * 7);
        }
    }
}
