//! Bytes to pixels in plain loops.

use super::{Coefficients, Colour, ColourFormat};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn colour(call: &Colour, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let [height, width] = call.size;
    let bytes: &[u8] = bytemuck::cast_slice(input(inputs, 0)?.words()?);
    let frame_bytes = bytes.len() / call.frames;
    let mut pixels = Vec::new();
    for f in 0..call.frames {
        let frame = &bytes[f * frame_bytes..][..frame_bytes];
        for y in 0..height {
            for x in 0..width {
                let [red, green, blue] = match call.format {
                    ColourFormat::Yuv420p(coefficients) => {
                        let (chroma, luma_bytes) = ((y / 2) * (width / 2) + x / 2, height * width);
                        let u = frame[luma_bytes + chroma];
                        let v = frame[luma_bytes + luma_bytes / 4 + chroma];
                        rgb(&coefficients, frame[y * width + x], u, v)
                    }
                    ColourFormat::Rgb24 => {
                        let offset = 3 * (y * width + x);
                        [frame[offset], frame[offset + 1], frame[offset + 2]]
                    }
                    ColourFormat::Rgba8 { row_words } => {
                        let offset = 4 * (y * row_words + x);
                        [frame[offset], frame[offset + 1], frame[offset + 2]]
                    }
                    ColourFormat::Bgra8 { row_words } => {
                        let offset = 4 * (y * row_words + x);
                        [frame[offset + 2], frame[offset + 1], frame[offset]]
                    }
                };
                pixels.push(u32::from(red) + 256 * u32::from(green) + 65_536 * u32::from(blue));
            }
        }
    }
    Ok(vec![Exact::from_words([call.frames, height, width], pixels)?])
}

fn rgb(by: &Coefficients, y: u8, u: u8, v: u8) -> [u8; 3] {
    let share = |value: i64, coefficient: i32| (value * i64::from(coefficient)).div_euclid(65_536);
    let luma = share(8 * i64::from(y) - i64::from(by.offset), by.luma);
    let (u, v) = (8 * i64::from(u) - 1024, 8 * i64::from(v) - 1024);
    let sums =
        [luma + share(v, by.red_v), luma + share(u, by.green_u) + share(v, by.green_v), luma + share(u, by.blue_u)];
    sums.map(|sum| sum.clamp(0, 255) as u8)
}
