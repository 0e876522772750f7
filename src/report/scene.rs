//! An overlay, checked and ready to be drawn.

use image::{Rgb, RgbImage, RgbaImage, imageops};

use super::Overlay;
use super::canvas::{INK, Rectangle, blend};
use super::heat::{HeatMap, laid_over};
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
    if let Some(seconds) = &overlay.seconds
        && (seconds.len() != frames || seconds.iter().any(|time| !time.is_finite()))
    {
        return Err(Error::usage(format!(
            "{frames} frames have the times {seconds:?}: one finite time each is needed"
        )));
    }
    if let Some(query) = overlay.query
        && query.iter().zip(overlay.maps.shape().axes()).any(|(index, size)| index >= size)
    {
        return Err(Error::usage(format!(
            "the query token {query:?} (t, row, column) lies outside of maps {}",
            overlay.maps.shape()
        )));
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
    let rgb = (frame.format() == PixelFormat::Rgb24).then(|| frame.as_bytes().to_vec());
    rgb.and_then(|bytes| RgbImage::from_raw(frame.width() as u32, frame.height() as u32, bytes))
        .ok_or_else(|| Error::usage(format!("{frame:?} cannot be drawn: frames to draw over are RGB")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tensor::{ErrorKind, Tensor};

    /// `frames` grey frames of 160 × 160 pixels, each as bright as it is late, and `maps` maps of one row: in each, the
    /// token whose number is the temporal index is hot.
    pub(in crate::report) fn hot_diagonal(frames: usize, maps: usize) -> Overlay {
        let frame =
            |frame: usize| Frame::new(160, 160, PixelFormat::Rgb24, vec![20 * frame as u8; 160 * 160 * 3]).unwrap();
        let token = |index| if index / maps == index % maps { 0.5 } else { 0.0 };
        let maps = Tensor::f32([maps, 1, maps], (0..maps * maps).map(token).collect()).unwrap();
        Overlay::new("a diagonal", (0..frames).map(frame).collect(), maps)
    }

    /// Whether a pixel over grey has been coloured.
    pub(in crate::report) fn is_hot(Rgb([r, _, b]): &Rgb<u8>) -> bool {
        r.abs_diff(*b) > 40
    }

    fn refused(change: impl FnOnce(&mut Overlay)) -> String {
        let mut overlay = hot_diagonal(4, 2);
        change(&mut overlay);
        let error = Scene::of(&overlay).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        error.to_string()
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        assert!(refused(|overlay| _ = overlay.frames.pop()).contains("2 maps cannot be laid over 3 frames"));
        assert!(refused(|overlay| overlay.frames.clear()).contains("0 frames"));
        assert!(refused(|overlay| overlay.seconds = Some(vec![0.0; 3])).contains("one finite time each"));
        assert!(refused(|overlay| overlay.seconds = Some(vec![f64::NAN; 4])).contains("one finite time each"));
        assert!(refused(|overlay| overlay.query = Some([0, 1, 0])).contains("outside of maps"));
        assert!(refused(|overlay| overlay.frames_per_second = Some(0.0)).contains("frames a second"));
        assert!(refused(|overlay| overlay.look.percentile = 50.0).contains("percentile"));
        assert!(refused(|overlay| overlay.look.opacity = f64::NAN).contains("opacity"));
        let odd = Frame::new(2, 3, PixelFormat::Rgb24, vec![0; 18]).unwrap();
        assert!(refused(|overlay| overlay.frames[2] = odd).contains("frame 2"));
        let matrix = crate::video::Matrix::Bt601;
        let planes = PixelFormat::Yuv420p { matrix, range: crate::video::ColourRange::Limited };
        let planes = Frame::new(160, 160, planes, vec![0; 160 * 240]).unwrap();
        assert!(refused(|overlay| overlay.frames[0] = planes).contains("RGB"));
    }

    #[test]
    fn the_querys_square_is_outlined_and_brightest_at_its_time() {
        let mut overlay = hot_diagonal(4, 2);
        overlay.query = Some([1, 0, 1]);
        let scene = Scene::of(&overlay).unwrap();
        assert_eq!(scene.query_square(), Some(Rectangle { x: 80, y: 0, width: 80, height: 160 }));
        let marked = |frame: usize| {
            let picture = scene.plain(frame);
            let grey = Rgb([20 * frame as u8; 3]);
            assert!(picture.enumerate_pixels().all(|(x, _, pixel)| x >= 80 || *pixel == grey));
            assert_eq!(picture.get_pixel(120, 80), &grey, "the middle of the square stays");
            picture.get_pixel(95, 80).0[0]
        };
        assert_eq!(marked(2), 255);
        assert!((80..120).contains(&marked(0)), "{}", marked(0));
    }

    #[test]
    fn small_frames_are_enlarged_by_whole_numbers() {
        let frame = Frame::new(1, 2, PixelFormat::Rgb24, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let overlay = Overlay::new("", vec![frame], Tensor::f32([1, 1, 1], vec![0.0]).unwrap());
        let scene = Scene::of(&overlay).unwrap();
        assert_eq!(scene.size(), [160, 80]);
        assert_eq!(
            (scene.frames[0].get_pixel(79, 0), scene.frames[0].get_pixel(80, 79)),
            (&Rgb([1, 2, 3]), &Rgb([4, 5, 6]))
        );
    }

    #[test]
    fn frames_take_the_time_until_the_next() {
        assert_eq!(real_durations(&[1.0, 1.5, 2.0, 2.25]), [0.5, 0.5, 0.25, 0.5]);
        // A clip that begins anew, and a gap.
        assert_eq!(real_durations(&[0.0, 0.5, 0.0, 0.5, 9.0]), [0.5; 5]);
        assert_eq!(real_durations(&[3.0]), [0.125]);
        let mut overlay = hot_diagonal(2, 2);
        overlay.seconds = Some(vec![0.0, 1.0]);
        assert_eq!(Scene::of(&overlay).unwrap().durations(), [1.0, 1.0]);
        overlay.frames_per_second = Some(4.0);
        assert_eq!(Scene::of(&overlay).unwrap().durations(), [0.25, 0.25]);
    }
}
