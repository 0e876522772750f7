//! What stands beside the frames: title and facts, the colour bar.

use image::Rgb;

use super::canvas::{Anchor, Canvas, FADED_INK, INK, Rectangle, Typeface, blend};
use super::heat::Palette;
use super::scene::Scene;
use crate::tensor::Result;

/// The title and the facts of an overlay, broken into lines.
pub(super) struct Caption {
    title: String,
    facts: Vec<String>,
    /// Pixels an em of the facts; the title is larger.
    size: f32,
}

/// Ems of the facts.
const TITLE: f32 = 1.4;
const LINE: f32 = 1.4;

impl Caption {
    /// As many lines as the facts need in `width` pixels.
    pub(super) fn of(scene: &Scene<'_>, width: f32, size: f32) -> Result<Self> {
        let typeface = Typeface::new()?;
        let mut facts: Vec<String> = Vec::new();
        for (name, value) in &scene.overlay.facts {
            let fact = format!("{name} {value}");
            let continued = facts.last().map(|line| format!("{line}   ·   {fact}"));
            match (continued.filter(|line| typeface.width(line, size) <= width), facts.last_mut()) {
                (Some(continued), Some(last)) => *last = continued,
                _ => facts.push(typeface.fitting(&fact, size, width)),
            }
        }
        Ok(Self { title: typeface.fitting(&scene.overlay.title, TITLE * size, width), facts, size })
    }

    /// In pixels.
    pub(super) fn height(&self) -> u32 {
        (self.size * (TITLE + LINE * self.facts.len() as f32)).ceil() as u32
    }

    /// Draws the caption with its upper left corner at (`x`, `y`).
    pub(super) fn draw(&self, canvas: &mut Canvas, [x, y]: [u32; 2]) {
        let (x, mut baseline) = (x as f32, y as f32 + 0.85 * TITLE * self.size);
        canvas.write(&self.title, [x, baseline], TITLE * self.size, Anchor::Left, INK);
        for line in &self.facts {
            baseline += LINE * self.size;
            canvas.write(line, [x, baseline], self.size, Anchor::Left, FADED_INK);
        }
    }
}

/// The colours of a scene, and the values at their ends.
pub(super) struct ColourBar {
    palette: Palette,
    pub(super) low: String,
    pub(super) high: String,
}

impl ColourBar {
    /// The colours of all maps.
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let first = scene.maps[0].bounds;
        let [low, high] = match scene.maps.iter().all(|map| map.bounds == first) {
            true => first.labels(),
            false => ["lowest".into(), "highest".into()],
        };
        Self { palette: Palette::new(&scene.overlay.look), low, high }
    }

    /// Fills `bar` with the colours, over the squares that mean transparency.
    pub(super) fn draw(&self, canvas: &mut Canvas, bar: Rectangle) {
        let square = (bar.height / 2).max(1);
        for (column, row) in (0..bar.width).flat_map(|column| (0..bar.height).map(move |row| (column, row))) {
            let light = (column / square + row / square).is_multiple_of(2);
            let [r, g, b, alpha] = self.palette.colour(column as f32 / (bar.width - 1).max(1) as f32).0;
            let mut pixel = Rgb(if light { [255; 3] } else { [214; 3] });
            blend(&mut pixel, Rgb([r, g, b]), f32::from(alpha) / 255.0);
            canvas.image.put_pixel(bar.x + column, bar.y + row, pixel);
        }
    }
}
