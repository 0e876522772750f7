//! Rectangles, pictures and text on RGB pixels.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage, imageops};

use crate::tensor::{Error, Result};

/// The paper of every picture.
pub(super) const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
/// Titles and the lines of axes.
pub(super) const INK: Rgb<u8> = Rgb([28, 32, 38]);
/// What is read second.
pub(super) const FADED_INK: Rgb<u8> = Rgb([98, 106, 118]);

/// The typeface of pictures, so that they look the same on machines without fonts.
const TYPEFACE: &[u8] = notosans::REGULAR_TTF;

/// Which point of a line of text lies at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The text begins there.
    Left,
    /// The text's middle is there.
    Centre,
    /// The text ends there.
    Right,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A picture that is being drawn.
pub(super) struct Canvas {
    pub(super) image: RgbImage,
    typeface: Typeface,
}

impl Canvas {
    /// Empty paper.
    pub(super) fn new(width: u32, height: u32) -> Result<Self> {
        Ok(Self { image: RgbImage::from_pixel(width, height, PAPER), typeface: Typeface::new()? })
    }

    /// Puts `picture` with its upper left corner at (`x`, `y`).
    pub(super) fn paste(&mut self, picture: &RgbImage, x: u32, y: u32) {
        imageops::replace(&mut self.image, picture, x.into(), y.into());
    }

    /// Fills a rectangle; what lies beyond the paper is left out.
    pub(super) fn fill(&mut self, rectangle: Rectangle, colour: Rgb<u8>, opacity: f32) {
        let Rectangle { x, y, width, height } = rectangle;
        for row in y..(y + height).min(self.image.height()) {
            for column in x..(x + width).min(self.image.width()) {
                blend(self.image.get_pixel_mut(column, row), colour, opacity);
            }
        }
    }

    /// Writes one line, `size` pixels an em, its baseline at `y`.
    pub(super) fn write(&mut self, text: &str, [x, y]: [f32; 2], size: f32, anchor: Anchor, colour: Rgb<u8>) {
        let font = self.typeface.scaled(size);
        let mut x = match anchor {
            Anchor::Left => x,
            Anchor::Centre => x - self.typeface.width(text, size) / 2.0,
            Anchor::Right => x - self.typeface.width(text, size),
        };
        for letter in text.chars() {
            let glyph = font.glyph_id(letter).with_scale_and_position(font.scale(), point(x, y));
            x += font.h_advance(glyph.id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, coverage| {
                let (column, row) = (corner.x + column as f32, corner.y + row as f32);
                if column >= 0.0 && row >= 0.0 {
                    let pixel = self.image.get_pixel_mut_checked(column as u32, row as u32);
                    pixel.into_iter().for_each(|pixel| blend(pixel, colour, coverage));
                }
            });
        }
    }
}

/// The typeface at any size.
pub(super) struct Typeface(FontRef<'static>);

impl Typeface {
    pub(super) fn new() -> Result<Self> {
        let font = FontRef::try_from_slice(TYPEFACE);
        font.map(Self).map_err(|error| Error::unsupported(format!("the typeface of pictures cannot be read: {error}")))
    }

    /// The width of one line in pixels, at `size` pixels an em.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.scaled(size);
        text.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
    }

    /// `text`, or as much of its beginning as `width` pixels hold with an ellipsis.
    pub(super) fn fitting(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut shortened = text.trim_end().to_owned();
        while shortened.pop().is_some() {
            let candidate = format!("{}…", shortened.trim_end());
            if self.width(&candidate, size) <= width {
                return candidate;
            }
        }
        String::new()
    }

    fn scaled(&self, size: f32) -> impl ScaleFont<&FontRef<'static>> {
        let per_em = self.0.height_unscaled() / self.0.units_per_em().unwrap_or(1000.0);
        (&self.0).into_scaled(PxScale::from(size * per_em))
    }
}

/// Lays `colour` over a pixel.
pub(super) fn blend(pixel: &mut Rgb<u8>, colour: Rgb<u8>, opacity: f32) {
    for (below, above) in pixel.0.iter_mut().zip(colour.0) {
        *below = (f32::from(*below) + (f32::from(above) - f32::from(*below)) * opacity.min(1.0)).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_covers_the_width_that_is_said() {
        let mut canvas = Canvas::new(400, 60).unwrap();
        canvas.write("Hill, 0.5 s", [10.0, 40.0], 32.0, Anchor::Left, INK);
        let dark = |x: u32| (0..60).any(|y| canvas.image.get_pixel(x, y).0[0] < 128);
        let columns: Vec<u32> = (0..400).filter(|&x| dark(x)).collect();
        let width = canvas.typeface.width("Hill, 0.5 s", 32.0);
        let (first, last) = (columns[0] as f32, columns[columns.len() - 1] as f32);
        assert!((10.0..15.0).contains(&first) && (last - (10.0 + width)).abs() < 5.0, "{first} {last} {width}");
        let rows: Vec<u32> = (0..60).filter(|&y| (0..36).any(|x| canvas.image.get_pixel(x, y).0[0] < 128)).collect();
        assert_eq!(rows.last(), Some(&39), "a capital stands on its baseline");
    }

    #[test]
    fn text_to_the_left_of_the_paper_is_cut() {
        let mut canvas = Canvas::new(20, 20).unwrap();
        canvas.write("WWWWWWW", [15.0, 4.0], 24.0, Anchor::Right, INK);
        assert_ne!(canvas.image.get_pixel(10, 1), &PAPER);
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis_and_fits() {
        let typeface = Typeface::new().unwrap();
        assert_eq!(typeface.fitting("archery", 12.0, 100.0), "archery");
        let short = typeface.fitting("playing a very long instrument", 12.0, 100.0);
        assert!(short.starts_with("playing") && short.ends_with('…'), "{short}");
        assert!(typeface.width(&short, 12.0) <= 100.0 && typeface.width(&short, 12.0) > 80.0);
        assert_eq!(typeface.fitting("archery", 12.0, 1.0), "");
    }
}
