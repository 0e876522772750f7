//! Pixels to the values that a model was trained on: crop, pad, and look each byte up.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Normalise`].
static FAMILY: Family = Family {
    name: "normalise",
    formula: "out[b, f, p, y, x] = values[p, byte p of in[b·F + f, top + y, left + x]], byte 0 outside the picture",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read_words("pixels", "[B·F, Y, X]"),
        Binding::read("values", "[P, 256]"),
        Binding::write("output", "[B, F, P, Y', X'] or [B, F, Y', X', P]"),
    ],
    variants: variants_of::<Normalise>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// P: red, green, blue.
const PLANES: usize = 3;

/// Turns the pixels of `clips` clips of `frames` frames into values by a table of one value a plane and byte.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Normalise {
    /// B.
    pub clips: usize,
    /// F.
    pub frames: usize,
    /// [Y, X] of the picture.
    pub picture: [usize; 2],
    /// [Y', X'] of the values.
    pub crop: [usize; 2],
    /// The row and column of the picture that are the crop's first. Where the crop reaches beyond the picture
    /// (negative offsets are before it) it sees byte 0.
    pub offset: [i32; 2],
    /// The order of the values.
    pub layout: ClipLayout,
}

impl Normalise {
    /// The whole of pictures of `picture` = [Y, X] pixels, `frames` of them a clip; one clip.
    pub fn new(frames: usize, picture: [usize; 2], layout: ClipLayout) -> Self {
        Self { clips: 1, frames, picture, crop: picture, offset: [0, 0], layout }
    }

    /// B.
    #[must_use]
    pub fn clips(self, clips: usize) -> Self {
        Self { clips, ..self }
    }

    /// Values of `crop` = [Y', X'] pixels alone, of which `offset` is the first row and column in the picture. Where the crop
    /// reaches beyond the picture (negative offsets are before it) it sees byte 0.
    #[must_use]
    pub fn crop(self, crop: [usize; 2], offset: [i32; 2]) -> Self {
        Self { crop, offset, ..self }
    }
}

impl Kernel for Normalise {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::normalise;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(normalise);

    fn operands(&self) -> Vec<Option<Shape>> {
        let [height, width] = self.picture;
        vec![
            Some([self.clips * self.frames, height, width].into()),
            Some([PLANES, 256].into()),
            Some(self.layout.shape(self.clips, self.frames, self.crop, PLANES)),
        ]
    }

    fn validate(&self) -> Result<()> {
        let ([height, width], [rows, columns]) = (self.picture, self.crop);
        if self.clips * self.frames * height * width * rows * columns == 0 {
            return Err(Error::usage(format!(
                "{} clips of {} frames of {height}x{width} cropped to {rows}x{columns} hold no values",
                self.clips, self.frames
            )));
        }
        let fits = |offset: i32, size: usize| i32::try_from(size).is_ok_and(|size| offset.checked_add(size).is_some());
        if !fits(self.offset[0], rows) || !fits(self.offset[1], columns) {
            return Err(Error::usage(format!("a crop of {rows}x{columns} at {:?} is beyond 32 bits", self.offset)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        0
    }
}
