//! Colour conversion in WGSL.

use super::{Coefficients, Colour, ColourFormat};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup; each makes four pixels.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        frames: u32,
        height: u32,
        width: u32,
        frame_words: u32,
        row_words: u32,
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

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Colour>; 1] =
    [Planned::any(wgsl!("pixels/colour.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Colour, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let [height, width] = call.size;
    let frame_words = call.format.frame_words(call.size);
    let none = Coefficients::default();
    let (name, row_words, coefficients) = match call.format {
        ColourFormat::Yuv420p(coefficients) => ("yuv420p", 0, coefficients),
        ColourFormat::Rgb24 => ("rgb24", 0, none),
        ColourFormat::Rgba8 { row_words } => ("rgba8", row_words, none),
        ColourFormat::Bgra8 { row_words } => ("bgra8", row_words, none),
    };
    let Coefficients { luma, offset, red_v, green_u, green_v, blue_u } = coefficients;
    let literals = Literals::new().with("invocations", INVOCATIONS).with("format", name);
    for run in dispatches.frames(call.frames, frame_words, height * width)? {
        let invocations = (run.frames * (height * width).div_ceil(4)) as u64;
        let uniform = Uniform {
            frames: word(run.frames)?,
            height: word(height)?,
            width: word(width)?,
            frame_words: word(frame_words)?,
            row_words: word(row_words)?,
            first_word: run.input.first,
            first_pixel: run.output.first,
            luma,
            offset,
            red_v,
            green_u,
            green_v,
            blue_u,
        };
        let windows = vec![Some(run.input.window), Some(run.output.window)];
        dispatches.launch(invocations.div_ceil(INVOCATIONS.into()), literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
