//! The pictures of an animated WebP, laid on each other as libwebp does.
//!
//! The decoder in use lays them on each other as well, but clears other areas than the file says where pictures without
//! transparency are removed after their time, and darkens opaque pixels by one. So it decodes each picture alone.

use std::{io::Cursor, sync::Arc};

use image::{
    Delay, DynamicImage, Frame, ImageDecoder, ImageError, ImageFormat, ImageResult, Rgba, RgbaImage,
    codecs::webp::WebPDecoder,
    error::{DecodingError, ImageFormatHint},
};

/// Bytes before the first chunk: `RIFF`, a length, `WEBP`.
const FILE_HEADER: usize = 12;

/// Bytes before the chunks of a picture: position, size, duration, flags.
const PICTURE_HEADER: usize = 16;

/// The composed pictures of an animated WebP.
pub(super) struct Composed {
    bytes: Arc<[u8]>,
    /// Where the next chunk begins.
    next: usize,
    canvas: RgbaImage,
    /// What is cleared before the next picture is laid.
    removed: Option<Area>,
}

/// Where on the canvas a picture lies.
#[derive(Clone, Copy)]
struct Area {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Composed {
    /// The pictures of a file whose canvas has this many pixels.
    pub(super) fn new(bytes: Arc<[u8]>, width: u32, height: u32) -> Self {
        Self { bytes, next: FILE_HEADER, canvas: RgbaImage::new(width, height), removed: None }
    }

    /// The next chunk that is a picture; `None` at the end of the file.
    fn picture(&mut self) -> ImageResult<Option<std::ops::Range<usize>>> {
        while let Some(head) = self.bytes.get(self.next..self.next + 8) {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let (is_picture, start) = (head.starts_with(b"ANMF"), self.next + 8);
            if self.bytes.len() - start < length {
                return Err(damaged("it is truncated"));
            }
            self.next = start + length + length % 2;
            if is_picture {
                return Ok(Some(start..start + length));
            }
        }
        let announced = self.bytes.get(4..8).map_or(0, |size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
        if self.bytes.len() < announced as usize + 8 { Err(damaged("it is truncated")) } else { Ok(None) }
    }

    /// Lays the picture of a chunk on the canvas.
    fn lay(&mut self, chunk: std::ops::Range<usize>) -> ImageResult<Frame> {
        let bytes = self.bytes.clone();
        let Some((header, chunks)) = bytes[chunk].split_at_checked(PICTURE_HEADER) else {
            return Err(damaged("a picture has no header"));
        };
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        let area = Area { x: 2 * number(0), y: 2 * number(3), width: number(6) + 1, height: number(9) + 1 };
        let (milliseconds, flags) = (number(12), header[15]);
        let (replaces, removed) = (flags & 2 != 0, flags & 1 != 0);
        if area.x + area.width > self.canvas.width() || area.y + area.height > self.canvas.height() {
            return Err(damaged("a picture lies outside the canvas"));
        }
        let picture = decoded(chunks, area)?;
        if let Some(cleared) = self.removed.take() {
            cleared.pixels().for_each(|(x, y)| self.canvas.put_pixel(x, y, Rgba([0; 4])));
        }
        for (pixel, (x, y)) in picture.pixels().zip(area.pixels()) {
            let below = self.canvas.get_pixel_mut(x, y);
            *below = if replaces { *pixel } else { blended(*pixel, *below) };
        }
        self.removed = removed.then_some(area);
        Ok(Frame::from_parts(self.canvas.clone(), 0, 0, Delay::from_numer_denom_ms(milliseconds, 1)))
    }
}

impl Iterator for Composed {
    type Item = ImageResult<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.picture().transpose()?;
        Some(chunk.and_then(|chunk| self.lay(chunk)))
    }
}

impl Area {
    fn pixels(self) -> impl Iterator<Item = (u32, u32)> {
        (self.y..self.y + self.height).flat_map(move |y| (self.x..self.x + self.width).map(move |x| (x, y)))
    }
}

/// The one picture of these chunks, as a file of its own.
fn decoded(chunks: &[u8], area: Area) -> ImageResult<RgbaImage> {
    let mut body = b"WEBP".to_vec();
    if chunks.starts_with(b"ALPH") {
        let [width, height] = [area.width - 1, area.height - 1].map(u32::to_le_bytes);
        body.extend(b"VP8X\x0A\0\0\0\x10\0\0\0");
        body.extend([&width[..3], &height[..3]].concat());
    }
    body.extend(chunks);
    let file = [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat();
    let decoder = WebPDecoder::new(Cursor::new(file))?;
    if decoder.has_animation() || decoder.dimensions() != (area.width, area.height) {
        return Err(damaged("a picture has another size than it says"));
    }
    Ok(DynamicImage::from_decoder(decoder)?.into_rgba8())
}

/// `pixel` over `below` in libwebp's integers.
fn blended(pixel: Rgba<u8>, below: Rgba<u8>) -> Rgba<u8> {
    let ([.., alpha], [.., alpha_below]) = (pixel.0.map(u32::from), below.0.map(u32::from));
    if alpha == 255 {
        return pixel;
    }
    if alpha == 0 {
        return below;
    }
    let share_below = (alpha_below * (256 - alpha)) >> 8;
    let whole = alpha + share_below;
    let scale = (1 << 24) / whole;
    let channel = |index: usize| {
        let sum = u32::from(pixel.0[index]) * alpha + u32::from(below.0[index]) * share_below;
        ((sum * scale) >> 24) as u8
    };
    Rgba([channel(0), channel(1), channel(2), whole as u8])
}

fn damaged(problem: &str) -> ImageError {
    ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::WebP), problem.to_owned()))
}
