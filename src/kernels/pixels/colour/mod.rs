//! Decoder bytes to pixels, exactly as FFmpeg's scaler turns them.

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, frames};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Colour`].
pub static FAMILY: Family = Family {
    name: "colour",
    formula: "pixels[f, y, x] = r | g << 8 | b << 16, read from rgb24 or computed from yuv420p by integer coefficients",
    parameters: Parameters::FIELDS,
    bindings: &[Binding::read_words("bytes", "[F, words of a frame]"), Binding::write_words("pixels", "[F, Y, X]")],
    variants: &[Variant {
        name: "plain",
        file: "pixels/colour.wgsl",
        text: include_str!("../../../../shaders/pixels/colour.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

/// Invocations of a workgroup; each makes four pixels.
const INVOCATIONS: u32 = 64;

crate::kernel_parameters! {
    struct Parameters {
        frames: u32,
        height: u32,
        width: u32,
        frame_words: u32,
        first_word: u32,
        first_pixel: u32,
        luma: i32,
        offset: i32,
        red_v: i32,
        green_u: i32,
        green_v: i32,
        blue_u: i32,
    }
}

/// Turns the bytes of `frames` frames of `size` = [Y, X] pixels into one word a pixel.
///
/// Bytes are packed in words, the first one lowest. Each frame begins with a word of its own: where its bytes do not
/// fill its last word, the rest of that word is ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct Colour {
    /// F.
    pub frames: usize,
    /// Y and X; both even for [`Format::Yuv420p`].
    pub size: [usize; 2],
    /// What the bytes are.
    pub format: Format,
}

/// The layout of a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A plane of luma `[Y, X]`, then U and V `[Y/2, X/2]` each; 2×2 pixels share a (u, v).
    Yuv420p(Coefficients),
    /// Red, green, blue of one pixel after the other: `[Y, X, 3]`.
    Rgb24,
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

impl Format {
    /// Words that the bytes of a frame of [Y, X] pixels take, the last one filled up.
    pub const fn frame_words(self, [height, width]: [usize; 2]) -> usize {
        match self {
            Self::Yuv420p(_) => (height * width / 2 * 3).div_ceil(4),
            Self::Rgb24 => (height * width * 3).div_ceil(4),
        }
    }
}

impl Kernel for Colour {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

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
        if matches!(self.format, Format::Yuv420p(_)) && (height % 2 == 1 || width % 2 == 1) {
            return Err(Error::usage(format!(
                "yuv420p frames have even sides, not {height}x{width}; decode frames of odd sides as rgb24"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        let pixels = (self.frames * self.size[0] * self.size[1]) as u64;
        match self.format {
            // Luma: factor, difference, factor, shift; three sums. For four pixels: u and v, four products shifted, a sum.
            Format::Yuv420p(_) => 7 * pixels + 13 * pixels.div_ceil(4),
            Format::Rgb24 => 0,
        }
    }

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let [height, width] = self.size;
        let frame_words = self.format.frame_words(self.size);
        let (name, coefficients) = match self.format {
            Format::Yuv420p(coefficients) => ("yuv420p", coefficients),
            Format::Rgb24 => ("rgb24", Coefficients::default()),
        };
        let Coefficients { luma, offset, red_v, green_u, green_v, blue_u } = coefficients;
        let literals = Literals::new().with("invocations", INVOCATIONS).with("format", name);
        frames::runs(self.frames, frame_words, height * width, &device.limits)?
            .into_iter()
            .map(|run| {
                let invocations = (run.frames * (height * width).div_ceil(4)) as u64;
                let parameters = Parameters {
                    frames: word(run.frames)?,
                    height: word(height)?,
                    width: word(width)?,
                    frame_words: word(frame_words)?,
                    first_word: run.input.first,
                    first_pixel: run.output.first,
                    luma,
                    offset,
                    red_v,
                    green_u,
                    green_v,
                    blue_u,
                };
                Ok(Launch {
                    literals: literals.clone(),
                    parameters: bytemuck::bytes_of(&parameters).to_vec(),
                    groups: fold_groups(invocations.div_ceil(INVOCATIONS.into()), &device.limits)?,
                    windows: vec![Some(run.input.window), Some(run.output.window)],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::colour(self, inputs)
    }
}
