//! A confusion matrix as pixels.

use std::io::Cursor;

use image::{ImageFormat, Rgb};

use super::drawn::{DrawnMatrix, HUE, LETTERS};
use crate::report::canvas::{Anchor, Canvas, FADED_INK, INK, PAPER, Rectangle};
use crate::tensor::{Error, Result};

/// Pixels of a file for each pixel of a screen.
pub(super) const SCALE: f64 = 2.0;

/// Darker squares have light numbers.
const DARK: f64 = 0.55;

/// As PNG.
pub(super) fn png(matrix: &DrawnMatrix) -> Result<Vec<u8>> {
    let [width, height] = [matrix.width, matrix.height].map(|side| (SCALE * side).ceil() as u32);
    let mut canvas = Canvas::new(width, height)?;
    draw_frame(&mut canvas, matrix);
    for cell in &matrix.cells {
        canvas.fill(rectangle([cell.x, cell.y], matrix.cell), Rgb(HUE), cell.shade as f32);
    }
    let mut write = |text: &str, at: [f64; 2], size: f64, anchor, colour| {
        canvas.write(text, at.map(|at| (SCALE * at) as f32), (SCALE * size) as f32, anchor, colour);
    };
    for cell in &matrix.cells {
        let middle = [cell.x + matrix.cell / 2.0, cell.y + matrix.cell / 2.0 + 0.36 * matrix.size];
        let colour = if cell.shade > DARK { PAPER } else { INK };
        cell.videos.iter().for_each(|videos| write(videos, middle, matrix.size, Anchor::Centre, colour));
    }
    for row in &matrix.rows {
        write(&row.text, [matrix.left - 8.0, row.at + 4.0], LETTERS, Anchor::Right, INK);
    }
    for column in &matrix.columns {
        write(&column.text, [column.at, matrix.top - 8.0], LETTERS, Anchor::Centre, FADED_INK);
    }
    write("taken for", [matrix.left, matrix.top - 27.0], LETTERS, Anchor::Left, FADED_INK);
    write("label", [matrix.left - 8.0, matrix.top - 8.0], LETTERS, Anchor::Right, FADED_INK);
    matrix.title.iter().for_each(|title| write(title, [10.0, 24.0], 16.0, Anchor::Left, INK));
    let mut bytes = Cursor::new(Vec::new());
    let written = canvas.image.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| Error::usage(format!("the confusion matrix cannot be drawn: {error}")))?;
    Ok(bytes.into_inner())
}

/// Lines around the squares.
fn draw_frame(canvas: &mut Canvas, matrix: &DrawnMatrix) {
    let outside = Rectangle {
        x: (SCALE * matrix.left) as u32 - 2,
        y: (SCALE * matrix.top) as u32 - 2,
        width: (SCALE * matrix.side) as u32 + 4,
        height: (SCALE * matrix.side) as u32 + 4,
    };
    canvas.fill(outside, INK, 0.2);
    canvas.fill(rectangle([matrix.left, matrix.top], matrix.side), PAPER, 1.0);
}

/// A square of this side, from pixel to pixel, so that neighbours touch.
fn rectangle([x, y]: [f64; 2], side: f64) -> Rectangle {
    let pixel = |at: f64| (SCALE * at).round() as u32;
    let (left, top) = (pixel(x), pixel(y));
    Rectangle { x: left, y: top, width: (pixel(x + side) - left).max(1), height: (pixel(y + side) - top).max(1) }
}
