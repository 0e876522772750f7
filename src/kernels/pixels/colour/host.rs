//! Bytes to pixels on the host.

use super::{Coefficients, Colour, ColourFormat};
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::Result;

/// Rows of a block.
const BLOCK: usize = 32;

pub(super) fn colour(call: &Colour, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let [height, width] = call.size;
    let bytes: &[u8] = bytemuck::cast_slice(arguments.words(0)?);
    let frame_bytes = bytes.len() / call.frames;
    threads.chunks(arguments.output_words(0)?, BLOCK * width, |block, pixels| {
        for (row, pixels) in pixels.chunks_exact_mut(width).enumerate() {
            let (frame, y) = ((block * BLOCK + row) / height, (block * BLOCK + row) % height);
            let frame = &bytes[frame * frame_bytes..][..frame_bytes];
            vectorised(
                #[inline(always)]
                || match call.format {
                    ColourFormat::Yuv420p(by) => {
                        let (luma, chroma) = frame.split_at(height * width);
                        let (u, v) = chroma.split_at(height * width / 4);
                        let half = y / 2 * (width / 2)..(y / 2 + 1) * (width / 2);
                        from_yuv(&by, &luma[y * width..][..width], &u[half.clone()], &v[half], pixels);
                    }
                    ColourFormat::Rgb24 => from_rgb(&frame[3 * y * width..][..3 * width], pixels),
                    ColourFormat::Rgba8 { row_words } => from_quads([0, 1, 2], &frame[4 * y * row_words..], pixels),
                    ColourFormat::Bgra8 { row_words } => from_quads([2, 1, 0], &frame[4 * y * row_words..], pixels),
                },
            );
        }
    });
    Ok(())
}

#[inline(always)]
fn from_rgb(bytes: &[u8], pixels: &mut [u32]) {
    for (pixel, bytes) in pixels.iter_mut().zip(bytes.as_chunks::<3>().0) {
        *pixel = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    }
}

/// `order` says where in its four bytes a pixel has red, green and blue.
#[inline(always)]
fn from_quads([red, green, blue]: [usize; 3], bytes: &[u8], pixels: &mut [u32]) {
    for (pixel, bytes) in pixels.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *pixel = u32::from_le_bytes([bytes[red], bytes[green], bytes[blue], 0]);
    }
}

#[inline(always)]
fn from_yuv(by: &Coefficients, luma: &[u8], u: &[u8], v: &[u8], pixels: &mut [u32]) {
    let pairs = pixels.as_chunks_mut::<2>().0.iter_mut().zip(luma.as_chunks::<2>().0);
    for ((pixels, luma), (u, v)) in pairs.zip(u.iter().zip(v)) {
        let (u, v) = (8 * i32::from(*u) - 1024, 8 * i32::from(*v) - 1024);
        let shares = [(v * by.red_v) >> 16, ((u * by.green_u) >> 16) + ((v * by.green_v) >> 16), (u * by.blue_u) >> 16];
        for (pixel, luma) in pixels.iter_mut().zip(luma) {
            let luma = ((8 * i32::from(*luma) - by.offset) * by.luma) >> 16;
            let [red, green, blue] = shares.map(|share| (luma + share).clamp(0, 255) as u32);
            *pixel = red | green << 8 | blue << 16;
        }
    }
}
