//! The contact sheet: one frame of every temporal index, side by side in rows, each above its overlay.

use std::io::Cursor;

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageFormat};

use super::canvas::{Anchor, Canvas, FADED_INK, INK, Rectangle, Typeface};
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
    height: u32,
    margin: u32,
    gap: u32,
    head: u32,
}

/// A sheet is no wider than this, unless a single frame is.
const WIDEST: u32 = 2000;
/// Wide enough for a title and the colour bar.
const NARROWEST: u32 = 640;
/// Temporal indices side by side, at most.
const MOST_COLUMNS: usize = 8;
/// With more rows than this there is no room for the frames as they were.
const MOST_PLAIN_ROWS: usize = 4;

impl Layout {
    fn of(indices: usize, frame: [u32; 2]) -> Self {
        let fit = (WIDEST / (frame[0] + 8)).max(1) as usize;
        let rows = indices.div_ceil(fit.min(MOST_COLUMNS));
        let columns = indices.div_ceil(rows);
        let cells = columns as u32 * frame[0];
        let label = (cells as f32 / 90.0).clamp(14.0, 22.0);
        let (margin, gap) = ((1.5 * label) as u32, (0.4 * label) as u32);
        let width = (cells + (columns as u32 - 1) * gap + 2 * margin).max(NARROWEST);
        let mut layout = Self {
            columns,
            rows,
            plain: rows <= MOST_PLAIN_ROWS,
            frame,
            label,
            width,
            height: 0,
            margin,
            gap,
            head: margin + (3.6 * label) as u32,
        };
        layout.height = layout.head + rows as u32 * (layout.cell_height() + margin);
        layout
    }

    /// The time, the frame as it was, the overlay.
    fn cell_height(&self) -> u32 {
        let pictures = if self.plain { 2 * self.frame[1] + self.gap } else { self.frame[1] };
        self.caption() + pictures
    }

    fn caption(&self) -> u32 {
        (1.5 * self.label) as u32
    }

    /// The upper left corner of temporal index `index`.
    fn cell(&self, index: usize) -> [u32; 2] {
        let (row, column) = ((index / self.columns) as u32, (index % self.columns) as u32);
        let x = self.margin + column * (self.frame[0] + self.gap);
        [x, self.head + row * (self.cell_height() + self.margin)]
    }
}

fn sheet(scene: &Scene<'_>) -> Result<Canvas> {
    let layout = Layout::of(scene.maps.len(), scene.size());
    let mut canvas = Canvas::new(layout.width, layout.height)?;
    head(&mut canvas, scene, &layout)?;
    for index in 0..scene.maps.len() {
        cell(&mut canvas, scene, &layout, index);
    }
    Ok(canvas)
}

fn cell(canvas: &mut Canvas, scene: &Scene<'_>, layout: &Layout, index: usize) {
    let [x, y] = layout.cell(index);
    // The middle one of the frames that the map covers.
    let frame = index * scene.frames_per_map() + (scene.frames_per_map() - 1) / 2;
    let baseline = y as f32 + layout.label;
    canvas.write(&scene.time(frame), [x as f32, baseline], layout.label, Anchor::Left, FADED_INK);
    let mut y = y + layout.caption();
    if layout.plain {
        canvas.paste(&scene.plain(frame), x, y);
        y += layout.frame[1] + layout.gap;
    }
    canvas.paste(&scene.overlaid(frame), x, y);
}

/// The title and the facts to the left, the colour bar to the right.
fn head(canvas: &mut Canvas, scene: &Scene<'_>, layout: &Layout) -> Result<()> {
    let typeface = Typeface::new()?;
    let Layout { label, margin, width, .. } = *layout;
    let (left, right) = (margin as f32, (width - margin) as f32);
    let bar = Rectangle {
        x: width - margin - (10.0 * label) as u32,
        y: margin,
        width: (10.0 * label) as u32,
        height: (0.9 * label) as u32,
    };
    let room = bar.x as f32 - 2.0 * label - left;
    let title_size = 1.5 * label;
    let title = typeface.fitting(&scene.overlay.title, title_size, room);
    canvas.write(&title, [left, margin as f32 + 0.8 * title_size], title_size, Anchor::Left, INK);
    let facts = typeface.fitting(&scene.facts(), label, room);
    let second = margin as f32 + 2.5 * label;
    canvas.write(&facts, [left, second], label, Anchor::Left, FADED_INK);
    scene.colour_bar(canvas, bar);
    let [low, high] = scene.bar_labels();
    let below = (bar.y + bar.height) as f32 + 1.1 * label;
    canvas.write(&low, [bar.x as f32, below], label, Anchor::Left, FADED_INK);
    canvas.write(&high, [right, below], label, Anchor::Right, FADED_INK);
    Ok(())
}
