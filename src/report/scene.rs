//! An overlay, checked and ready to be drawn.

use image::{Rgb, RgbImage, RgbaImage, imageops};

use super::Overlay;
use super::canvas::{Canvas, INK, Rectangle, blend};
use super::heat::{Bounds, HeatMap, Palette, laid_over};
use crate::tensor::{Error, Result};
use crate::video::{Frame, PixelFormat};

/// An overlay whose parts belong together.
pub(super) struct Scene<'a> {
    pub(super) overlay: &'a Overlay,
    /// F frames, enlarged where they are small.
    pub(super) frames: Vec<RgbImage>,
    /// T maps.
    pub(super) maps: Vec<HeatMap>,
}

/// Frames narrower than this many pixels are enlarged by a whole number: 32 pixels are hard to see.
const NARROW: u32 = 160;

impl<'a> Scene<'a> {
    pub(super) fn of(overlay: &'a Overlay) -> Result<Self> {
        let maps = HeatMap::of_clip(&overlay.maps, &overlay.look)?;
        check(overlay, maps.len())?;
        let frames = overlay.frames.iter().map(picture).collect::<Result<Vec<_>>>()?;
        let (width, height) = frames[0].dimensions();
        if let Some(odd) = frames.iter().position(|frame| frame.dimensions() != (width, height)) {
            return Err(Error::usage(format!(
                "frame {odd} is {:?}, but the first is {:?}; the frames of a clip have one size",
                overlay.frames[odd], overlay.frames[0]
            )));
        }
        let times = NARROW.div_ceil(width);
        let enlarged = |frame| match times {
            1 => frame,
            _ => imageops::resize(&frame, width * times, height * times, imageops::FilterType::Nearest),
        };
        Ok(Self { overlay, frames: frames.into_iter().map(enlarged).collect(), maps })
    }

    /// Width and height of a frame.
    pub(super) fn size(&self) -> [u32; 2] {
        [self.frames[0].width(), self.frames[0].height()]
    }

    /// F/T.
    pub(super) fn frames_per_map(&self) -> usize {
        self.frames.len() / self.maps.len()
    }

    /// The map of temporal index `map` as a layer to lie over a frame.
    pub(super) fn layer(&self, map: usize) -> RgbaImage {
        let [width, height] = self.size();
        self.maps[map].layer([height, width], &self.overlay.look)
    }

    /// Frame `frame` as it was, the query's square outlined.
    pub(super) fn plain(&self, frame: usize) -> RgbImage {
        self.with_query(self.frames[frame].clone(), frame)
    }

    /// Frame `frame` with its map, the query's square outlined.
    pub(super) fn overlaid(&self, frame: usize) -> RgbImage {
        let layer = self.layer(frame / self.frames_per_map());
        self.with_query(laid_over(&self.frames[frame], &layer), frame)
    }

    /// The values of the first and the last colour, where all maps share them.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let first = self.maps[0].bounds;
        self.maps.iter().all(|map| map.bounds == first).then_some(first)
    }

    /// The facts in one line.
    pub(super) fn facts(&self) -> String {
        let facts: Vec<String> = self.overlay.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        facts.join("   ·   ")
    }

    /// What the time of frame `frame` is called.
    pub(super) fn time(&self, frame: usize) -> String {
        match &self.overlay.seconds {
            Some(seconds) => format!("{:.2} s", seconds[frame]),
            None => format!("frame {frame}"),
        }
    }

    /// How long each frame is to be shown, in seconds.
    pub(super) fn durations(&self) -> Vec<f64> {
        let frames = self.frames.len();
        match (self.overlay.frames_per_second, &self.overlay.seconds) {
            (Some(rate), _) => vec![1.0 / rate; frames],
            (None, Some(seconds)) => real_durations(seconds),
            (None, None) => vec![1.0 / UNKNOWN_PACE; frames],
        }
    }

    /// The query's square in pixels.
    pub(super) fn query_square(&self) -> Option<Rectangle> {
        let [_, row, column] = self.overlay.query?;
        let &[_, rows, columns] = self.overlay.maps.shape().axes() else { return None };
        let [width, height] = self.size();
        // The first pixel whose centre lies in the token's square.
        let edge = |pixels: u32, token: usize, tokens: usize| {
            ((2 * pixels as usize * token + tokens).saturating_sub(1) / (2 * tokens)) as u32
        };
        let (x, y) = (edge(width, column, columns), edge(height, row, rows));
        let (end_x, end_y) = (edge(width, column + 1, columns), edge(height, row + 1, rows));
        Some(Rectangle { x, y, width: end_x - x, height: end_y - y })
    }

    fn with_query(&self, mut picture: RgbImage, frame: usize) -> RgbImage {
        if let (Some(square), Some([index, _, _])) = (self.query_square(), self.overlay.query) {
            let opacity = if index == frame / self.frames_per_map() { 1.0 } else { 0.35 };
            outline(&mut picture, square, opacity);
        }
        picture
    }

    /// Draws which colours stand for which values, over the squares that mean transparency.
    pub(super) fn colour_bar(&self, canvas: &mut Canvas, bar: Rectangle) {
        let palette = Palette::new(&self.overlay.look);
        let square = (bar.height / 2).max(1);
        for (column, row) in (0..bar.width).flat_map(|column| (0..bar.height).map(move |row| (column, row))) {
            let light = (column / square + row / square).is_multiple_of(2);
            let [r, g, b, alpha] = palette.colour(column as f32 / (bar.width - 1).max(1) as f32).0;
            let mut pixel = Rgb(if light { [255; 3] } else { [214; 3] });
            blend(&mut pixel, Rgb([r, g, b]), f32::from(alpha) / 255.0);
            canvas.image.put_pixel(bar.x + column, bar.y + row, pixel);
        }
    }

    /// The words at the two ends of the colour bar.
    pub(super) fn bar_labels(&self) -> [String; 2] {
        match self.bounds() {
            Some(Bounds { low, high }) => [short(low), short(high)],
            None => ["lowest".into(), "highest".into()],
        }
    }
}

/// Frames a second where nothing is known.
const UNKNOWN_PACE: f64 = 8.0;

/// The time from each frame to the next. The last takes as long as frames usually do, and so does one that is followed
/// by an earlier one or by itself, as where a clip is longer than its video; a gap is not waited for.
fn real_durations(seconds: &[f64]) -> Vec<f64> {
    let steps: Vec<f64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut forward: Vec<f64> = steps.iter().copied().filter(|step| *step > 0.0).collect();
    forward.sort_by(f64::total_cmp);
    let usual = forward.get(forward.len() / 2).copied().unwrap_or(1.0 / UNKNOWN_PACE);
    let duration = |step: f64| if step > 0.0 && step < 4.0 * usual { step } else { usual };
    steps.into_iter().chain([0.0]).map(duration).collect()
}

/// White within black, so that it shows on any picture.
fn outline(picture: &mut RgbImage, square: Rectangle, opacity: f32) {
    let thickness = (square.width.min(square.height) / 8).max(1);
    let Rectangle { x, y, width, height } = square;
    for (column, row) in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
        let (from_x, from_y) = (column - x, row - y);
        let depth = from_x.min(width - 1 - from_x).min(from_y.min(height - 1 - from_y)) / thickness;
        let colour = if depth == 0 { INK } else { Rgb([255; 3]) };
        if depth < 2 {
            blend(picture.get_pixel_mut(column, row), colour, opacity);
        }
    }
}

fn check(overlay: &Overlay, maps: usize) -> Result<()> {
    let frames = overlay.frames.len();
    if frames == 0 || !frames.is_multiple_of(maps) {
        return Err(Error::usage(format!("{maps} maps cannot be laid over {frames} frames: not the same number each")));
    }
    if let Some(seconds) = &overlay.seconds {
        if seconds.len() != frames || seconds.iter().any(|time| !time.is_finite()) {
            return Err(Error::usage(format!("{frames} frames have the times {seconds:?}: one finite time each is needed")));
        }
    }
    if let Some(query) = overlay.query {
        if query.iter().zip(overlay.maps.shape().axes()).any(|(place, size)| place >= size) {
            return Err(Error::usage(format!(
                "the query token {query:?} (t, row, column) lies outside of maps {}",
                overlay.maps.shape()
            )));
        }
    }
    if let Some(rate) = overlay.frames_per_second.filter(|rate| !(0.01..=50.0).contains(rate)) {
        return Err(Error::usage(format!("{rate} frames a second cannot be shown; choose from 0.01 to 50")));
    }
    let look = &overlay.look;
    if !(look.percentile > 50.0 && look.percentile <= 100.0) {
        return Err(Error::usage(format!("a percentile of {} is not above 50 and at most 100", look.percentile)));
    }
    if !(look.opacity > 0.0 && look.opacity <= 1.0) {
        return Err(Error::usage(format!("an opacity of {} is not above 0 and at most 1", look.opacity)));
    }
    Ok(())
}

fn picture(frame: &Frame) -> Result<RgbImage> {
    let rgb = (frame.format() == PixelFormat::Rgb24).then(|| frame.bytes().to_vec());
    rgb.and_then(|bytes| RgbImage::from_raw(frame.width() as u32, frame.height() as u32, bytes))
        .ok_or_else(|| Error::usage(format!("{frame:?} cannot be drawn: frames to draw over are RGB")))
}

/// A number in few letters: `0.125`, `3.2e-4`.
pub(super) fn short(value: f32) -> String {
    match value.abs() {
        0.0 => "0".into(),
        magnitude if (0.001..1000.0).contains(&magnitude) => {
            let decimals = (2 - magnitude.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.decimals$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
        _ => format!("{value:.1e}"),
    }
}
