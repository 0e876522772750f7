//! The contact sheet: one frame of every temporal index, side by side in rows, each above its overlay.

use std::io::Cursor;

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageFormat};

use super::canvas::{Anchor, Canvas, FADED_INK, Rectangle};
use super::caption::{Caption, ColourBar};
use super::scene::Scene;
use crate::tensor::{Error, Result};

/// The sheet as PNG.
pub(super) fn png(scene: &Scene<'_>) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    sheet(scene)?.image.write_to(&mut bytes, ImageFormat::Png).map_err(failed)?;
    Ok(bytes.into_inner())
}

/// The sheet as lossless WebP.
pub(super) fn webp(scene: &Scene<'_>) -> Result<Vec<u8>> {
    let image = sheet(scene)?.image;
    let mut bytes = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.encode(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8).map_err(failed)?;
    Ok(bytes)
}

fn failed(error: image::ImageError) -> Error {
    Error::usage(format!("these frames cannot be written as a sheet: {error}"))
}

/// Where everything lies, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    /// Temporal indices side by side.
    columns: usize,
    /// Rows of temporal indices.
    rows: usize,
    /// Whether the frames as they were stand above the overlays.
    plain: bool,
    frame: [u32; 2],
    /// Pixels an em of labels: a wide sheet is seen from afar.
    label: f32,
    width: u32,
    margin: u32,
    gap: u32,
}

/// A sheet is no wider than this, unless a single frame is.
const WIDEST: u32 = 2000;
/// Wide enough for a title and the colour bar.
const NARROWEST: u32 = 640;
/// Temporal indices side by side, at most.
const MOST_COLUMNS: usize = 8;
/// With more rows than this there is no room for the frames as they were.
const MOST_PLAIN_ROWS: usize = 4;
/// The colour bar, in ems.
const BAR: [f32; 2] = [10.0, 0.9];

impl Layout {
    fn of(indices: usize, frame: [u32; 2]) -> Self {
        let fit = (WIDEST / (frame[0] + 8)).max(1) as usize;
        let rows = indices.div_ceil(fit.min(MOST_COLUMNS));
        let columns = indices.div_ceil(rows);
        let cells = columns as u32 * frame[0];
        let label = (cells as f32 / 90.0).clamp(14.0, 22.0);
        let (margin, gap) = ((1.5 * label) as u32, (0.4 * label) as u32);
        let width = (cells + (columns as u32 - 1) * gap + 2 * margin).max(NARROWEST);
        Self { columns, rows, plain: rows <= MOST_PLAIN_ROWS, frame, label, width, margin, gap }
    }

    fn bar(&self) -> Rectangle {
        let [width, height] = BAR.map(|ems| (ems * self.label) as u32);
        Rectangle { x: self.width - self.margin - width, y: self.margin, width, height }
    }

    /// The height of everything where the rows begin at `top`.
    fn height(&self, top: u32) -> u32 {
        top + self.rows as u32 * (self.cell_height() + self.margin)
    }

    /// The time, the frame as it was, the overlay.
    fn cell_height(&self) -> u32 {
        let pictures = if self.plain { 2 * self.frame[1] + self.gap } else { self.frame[1] };
        self.time_height() + pictures
    }

    fn time_height(&self) -> u32 {
        (1.4 * self.label) as u32
    }

    /// The upper left corner of temporal index `index`, where the rows begin at `top`.
    fn cell(&self, index: usize, top: u32) -> [u32; 2] {
        let (row, column) = ((index / self.columns) as u32, (index % self.columns) as u32);
        let x = self.margin + column * (self.frame[0] + self.gap);
        [x, top + row * (self.cell_height() + self.margin)]
    }
}

fn sheet(scene: &Scene<'_>) -> Result<Canvas> {
    let layout = Layout::of(scene.maps.len(), scene.size());
    let Layout { label, margin, width, .. } = layout;
    let room = layout.bar().x as f32 - 2.0 * label - margin as f32;
    let caption = Caption::of(scene, room, label)?;
    let top = 2 * margin + caption.height().max((2.2 * label) as u32);
    let mut canvas = Canvas::new(width, layout.height(top))?;
    caption.draw(&mut canvas, [margin, margin]);
    labelled_bar(&mut canvas, scene, &layout);
    for index in 0..scene.maps.len() {
        cell(&mut canvas, scene, &layout, index, layout.cell(index, top));
    }
    Ok(canvas)
}

fn cell(canvas: &mut Canvas, scene: &Scene<'_>, layout: &Layout, index: usize, [x, mut y]: [u32; 2]) {
    // The middle one of the frames that the map covers.
    let frame = index * scene.frames_per_map() + (scene.frames_per_map() - 1) / 2;
    let baseline = y as f32 + layout.label;
    canvas.write(&scene.time(frame), [x as f32, baseline], layout.label, Anchor::Left, FADED_INK);
    y += layout.time_height();
    if layout.plain {
        canvas.paste(&scene.plain(frame), x, y);
        y += layout.frame[1] + layout.gap;
    }
    canvas.paste(&scene.overlaid(frame), x, y);
}

/// The colour bar in the upper right corner, its values below it.
fn labelled_bar(canvas: &mut Canvas, scene: &Scene<'_>, layout: &Layout) {
    let (colours, bar) = (ColourBar::of(scene), layout.bar());
    colours.draw(canvas, bar);
    let baseline = (bar.y + bar.height) as f32 + 1.1 * layout.label;
    let (left, right) = (bar.x as f32, (bar.x + bar.width) as f32);
    canvas.write(&colours.low, [left, baseline], layout.label, Anchor::Left, FADED_INK);
    canvas.write(&colours.high, [right, baseline], layout.label, Anchor::Right, FADED_INK);
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::report::scene::tests::{hot_diagonal, is_hot};

    #[test]
    fn rows_are_filled_evenly_and_wide_frames_get_fewer_columns() {
        let shape = |indices, frame| {
            let layout = Layout::of(indices, frame);
            (layout.rows, layout.columns, layout.plain)
        };
        assert_eq!(shape(16, [224, 224]), (2, 8, true));
        assert_eq!(shape(9, [224, 224]), (2, 5, true));
        assert_eq!(shape(4, [224, 224]), (1, 4, true));
        assert_eq!(shape(40, [224, 224]), (5, 8, false));
        assert_eq!(shape(8, [480, 270]), (2, 4, true));
        assert_eq!(shape(3, [4000, 200]), (3, 1, true));
        for (indices, width) in [(16, 224), (7, 480), (1, 160), (64, 160)] {
            assert!((NARROWEST..WIDEST + 80).contains(&Layout::of(indices, [width, 100]).width));
        }
    }

    #[test]
    fn a_sheet_shows_the_middle_frame_of_each_index_above_its_overlay() {
        let overlay = hot_diagonal(9, 3);
        let scene = Scene::of(&overlay).unwrap();
        let picture = image::load_from_memory(&png(&scene).unwrap()).unwrap().into_rgb8();
        let layout = Layout::of(3, [160, 160]);
        let top = picture.height() - layout.height(0);
        for index in 0..3 {
            let [x, y] = layout.cell(index, top);
            let y = y + layout.time_height();
            let grey = 20 * (3 * index as u8 + 1);
            assert_eq!(picture.get_pixel(x + 80, y + 80), &Rgb([grey; 3]), "index {index}");
            for token in 0..3u32 {
                let overlaid = picture.get_pixel(x + 27 + 53 * token, y + 160 + layout.gap + 80);
                assert_eq!(is_hot(overlaid), token == index as u32, "index {index}, token {token}");
            }
        }
    }

    #[test]
    fn webp_has_the_pixels_of_png() {
        let overlay = hot_diagonal(2, 2);
        let scene = Scene::of(&overlay).unwrap();
        let [png, webp] = [png(&scene), webp(&scene)].map(|bytes| image::load_from_memory(&bytes.unwrap()).unwrap());
        assert_eq!(png.into_rgb8(), webp.into_rgb8());
    }
}
