//! What stands beside the frames: title and facts, the colour bar.

use image::{Rgb, Rgba};

use super::canvas::{Anchor, Canvas, FADED_INK, INK, Rectangle, Typeface, blend};
use super::heat::Palette;
use super::scene::Scene;
use crate::tensor::Result;

/// The title and the facts of an overlay, broken into lines.
pub(super) struct Caption {
    title: Vec<String>,
    facts: Vec<String>,
    /// Pixels an em of the facts; the title is larger.
    size: f32,
}

/// Ems of the facts.
const TITLE: f32 = 1.4;
const TITLE_LINE: f32 = 1.8;
const LINE: f32 = 1.4;

impl Caption {
    /// As many lines as the title and the facts need in `width` pixels.
    pub(super) fn of(scene: &Scene<'_>, width: f32, size: f32) -> Result<Self> {
        let typeface = Typeface::new()?;
        let facts = scene.overlay.facts.iter().map(|(name, value)| format!("{name} {value}"));
        let words = scene.overlay.title.split_whitespace().map(str::to_owned);
        Ok(Self {
            title: broken(&typeface, words, " ", TITLE * size, width),
            facts: broken(&typeface, facts, "   ·   ", size, width),
            size,
        })
    }

    /// In pixels.
    pub(super) fn height(&self) -> u32 {
        (self.size * (TITLE_LINE * (self.title.len() as f32 - 1.0) + TITLE + LINE * self.facts.len() as f32)).ceil()
            as u32
    }

    /// Draws the caption with its upper left corner at (`x`, `y`).
    pub(super) fn draw(&self, canvas: &mut Canvas, [x, y]: [u32; 2]) {
        let (x, mut baseline) = (x as f32, y as f32 + (0.85 * TITLE - TITLE_LINE) * self.size);
        for line in &self.title {
            baseline += TITLE_LINE * self.size;
            canvas.write(line, [x, baseline], TITLE * self.size, Anchor::Left, INK);
        }
        for line in &self.facts {
            baseline += LINE * self.size;
            canvas.write(line, [x, baseline], self.size, Anchor::Left, FADED_INK);
        }
    }
}

/// Lines of as many `parts` as fit into `width` pixels, at `size` pixels an em; a part too long for a line is cut.
fn broken(typeface: &Typeface, parts: impl Iterator<Item = String>, joint: &str, size: f32, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let continued = lines.last().map(|line| format!("{line}{joint}{part}"));
        match (continued.filter(|line| typeface.width(line, size) <= width), lines.last_mut()) {
            (Some(continued), Some(last)) => *last = continued,
            _ => lines.push(typeface.fitting(&part, size, width)),
        }
    }
    lines
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
            let pixel = self.colour(column as f32 / (bar.width - 1).max(1) as f32, light);
            canvas.image.put_pixel(bar.x + column, bar.y + row, pixel);
        }
    }

    /// The colour of a heat from 0 to 1 over a light or a dark square.
    pub(super) fn colour(&self, heat: f32, light: bool) -> Rgb<u8> {
        let Rgba([r, g, b, alpha]) = self.palette.colour(heat);
        let mut pixel = Rgb(if light { [255; 3] } else { [214; 3] });
        blend(&mut pixel, Rgb([r, g, b]), f32::from(alpha) / 255.0);
        pixel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_title_goes_on_in_the_next_line() {
        let typeface = Typeface::new().unwrap();
        let words = || "clip.mp4: where the model looks".split(' ').map(str::to_owned);
        let lines = broken(&typeface, words(), " ", 18.0, 200.0);
        assert_eq!(lines, ["clip.mp4: where the", "model looks"]);
        assert_eq!(broken(&typeface, words(), " ", 18.0, 2000.0).len(), 1);
        assert!(broken(&typeface, words(), " ", 18.0, 50.0)[0].ends_with('…'));
    }
}
