//! A canvas that plots can be drawn on.

use std::convert::Infallible;

use image::Rgb;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, rasterizer,
};

use super::canvas::{Anchor, Canvas, Rectangle};

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// Draws plots on a canvas, in its typeface.
pub(super) struct Pixels<'a>(pub(super) &'a mut Canvas);

impl DrawingBackend for Pixels<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.0.image.dimensions()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.fill((x, y), (x, y), color)
    }

    /// Upright lines of any width are rectangles, whose edges are sharper than those of the library's polygons.
    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        if from.0 != to.0 && from.1 != to.1 {
            return rasterizer::draw_line(self, from, to, style);
        }
        let half = (style.stroke_width() / 2) as i32;
        let (across, down) = if from.0 == to.0 { (half, 0) } else { (0, half) };
        let first = (from.0.min(to.0) - across, from.1.min(to.1) - down);
        self.fill(first, (from.0.max(to.0) + across, from.1.max(to.1) + down), style.color())
    }

    fn draw_rect<S: BackendStyle>(&mut self, first: BackendCoord, last: BackendCoord, style: &S, fill: bool) -> Drawn {
        if fill {
            self.fill(first, last, style.color())
        } else {
            rasterizer::draw_rect(self, first, last, style, false)
        }
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let em = style.size() as f32 / LINE_HEIGHT;
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Left,
            HPos::Center => Anchor::Centre,
            HPos::Right => Anchor::Right,
        };
        let below = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.5 * X_HEIGHT,
            VPos::Bottom => -0.5 * X_HEIGHT,
        };
        self.0.write(text, [x as f32, y as f32 + below * em], em, anchor, Rgb(style.color().rgb.into()));
        Ok(())
    }
}

impl Pixels<'_> {
    /// Fills a rectangle, its corners included; what lies beyond the paper is left out.
    fn fill(&mut self, first: BackendCoord, last: BackendCoord, color: BackendColor) -> Drawn {
        let [x, y] = [first.0, first.1].map(|corner| corner.max(0) as u32);
        let [end_x, end_y] = [last.0 + 1, last.1 + 1].map(|corner| corner.max(0) as u32);
        let (width, height) = (end_x.saturating_sub(x), end_y.saturating_sub(y));
        self.0.fill(Rectangle { x, y, width, height }, Rgb(color.rgb.into()), color.alpha as f32);
        Ok(())
    }
}

/// The size of a text is the height of its line; the library's vector files have this many ems in it.
pub(super) const LINE_HEIGHT: f32 = 1.24;

/// The height of an `x` in ems.
const X_HEIGHT: f32 = 0.536;
