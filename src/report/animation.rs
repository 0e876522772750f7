//! The animation: each frame beside its overlay.

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Rgb, RgbImage};

use super::canvas::{Anchor, Canvas, FADED_INK, INK, PAPER, Rectangle, Typeface, blend};
use super::caption::{Caption, ColourBar};
use super::colour_table::ColourTable;
use super::scene::Scene;
use crate::tensor::{Error, Result};

/// Pixels around and between everything.
const MARGIN: u32 = 14;
/// Pixels an em.
const LABEL: f32 = 13.0;
/// Height of what is below the frames.
const FOOT: u32 = 44;
/// The part of the track that is still to come.
const TRACK: Rgb<u8> = Rgb([222, 225, 230]);

/// Colours that are kept for the bar, at each kind of its squares, and for text.
const BAR_COLOURS: u8 = 32;
const TEXT_COLOURS: u8 = 8;

/// The bytes of a GIF that repeats forever.
pub(super) fn gif(scene: &Scene<'_>) -> Result<Vec<u8>> {
    let failed = |error: image::ImageError| Error::usage(format!("these frames cannot be written as a GIF: {error}"));
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    let shown: Vec<_> = (0..scene.frames.len()).map(|frame| [scene.plain(frame), scene.overlaid(frame)]).collect();
    let mut table = ColourTable::new(kept_colours(scene), shown.as_flattened());
    for (frame, centiseconds) in delays(&scene.durations()).into_iter().enumerate() {
        let mut picture = picture(scene, frame, &shown[frame])?.image;
        table.paint(&mut picture);
        let picture = DynamicImage::ImageRgb8(picture).into_rgba8();
        let delay = Delay::from_numer_denom_ms(10 * centiseconds, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).map_err(failed)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// What stays the same in all pictures.
fn kept_colours(scene: &Scene<'_>) -> Vec<Rgb<u8>> {
    let bar = ColourBar::of(scene);
    let of_bar = |step| [true, false].map(|light| bar.colour(f32::from(step) / f32::from(BAR_COLOURS - 1), light));
    let of_text = |step| {
        [INK, FADED_INK].map(|ink| {
            let mut colour = PAPER;
            blend(&mut colour, ink, f32::from(step) / f32::from(TEXT_COLOURS - 1));
            colour
        })
    };
    [TRACK].into_iter().chain((0..TEXT_COLOURS).flat_map(of_text)).chain((0..BAR_COLOURS).flat_map(of_bar)).collect()
}

/// One picture of the animation: the frame as it was, and with its map.
fn picture(scene: &Scene<'_>, frame: usize, [plain, overlaid]: &[RgbImage; 2]) -> Result<Canvas> {
    let [width, height] = scene.size();
    let whole = 2 * width + 3 * MARGIN;
    let caption = Caption::of(scene, (whole - 2 * MARGIN) as f32, LABEL)?;
    let top = caption.height() + 2 * MARGIN - 4;
    let mut canvas = Canvas::new(whole, top + height + FOOT)?;
    caption.draw(&mut canvas, [MARGIN, MARGIN - 4]);
    canvas.paste(plain, MARGIN, top);
    canvas.paste(overlaid, 2 * MARGIN + width, top);
    let track = Rectangle { x: MARGIN, y: top + height + 6, width: whole - 2 * MARGIN, height: 3 };
    let so_far = (u64::from(track.width) * (frame as u64 + 1) / scene.frames.len() as u64) as u32;
    canvas.fill(track, TRACK, 1.0);
    canvas.fill(Rectangle { width: so_far, ..track }, INK, 1.0);
    let baseline = (top + height + FOOT) as f32 - 14.0;
    canvas.write(&scene.time(frame), [MARGIN as f32, baseline], LABEL, Anchor::Left, INK);
    labelled_bar(&mut canvas, scene, baseline)?;
    Ok(canvas)
}

/// The colour bar below the overlay, the lowest value before and the highest behind it.
fn labelled_bar(canvas: &mut Canvas, scene: &Scene<'_>, baseline: f32) -> Result<()> {
    let [width, _] = scene.size();
    let (typeface, bar) = (Typeface::new()?, ColourBar::of(scene));
    let (from, to) = ((2 * MARGIN + width) as f32, (2 * MARGIN + 2 * width) as f32);
    canvas.write(&bar.low, [from, baseline], LABEL, Anchor::Left, FADED_INK);
    canvas.write(&bar.high, [to, baseline], LABEL, Anchor::Right, FADED_INK);
    let start = from + typeface.width(&bar.low, LABEL) + 6.0;
    let length = to - typeface.width(&bar.high, LABEL) - 6.0 - start;
    let y = baseline as u32 - 10;
    bar.draw(canvas, Rectangle { x: start as u32, y, width: length.max(0.0) as u32, height: 10 });
    Ok(())
}

/// How long each frame is shown, in hundredths of a second, GIF's unit: rounded so that the whole takes its time.
fn delays(seconds: &[f64]) -> Vec<u32> {
    let (mut end, mut shown) = (0.0, 0);
    let delay = |seconds: &f64| {
        end += 100.0 * seconds;
        let delay = (end.round() as u32).saturating_sub(shown).max(SHORTEST);
        shown += delay;
        delay
    };
    seconds.iter().map(delay).collect()
}

/// Viewers slow down anything faster.
const SHORTEST: u32 = 2;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;

    use super::*;
    use crate::report::scene::tests::{hot_diagonal, is_hot};

    #[test]
    fn the_animation_shows_every_frame_with_the_map_of_its_time() {
        let overlay = hot_diagonal(6, 3);
        let bytes = gif(&Scene::of(&overlay).unwrap()).unwrap();
        let frames = GifDecoder::new(Cursor::new(&bytes)).unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 6);
        for (frame, shown) in frames.iter().enumerate() {
            // An eighth of a second, as nearly as GIF can say it.
            assert_eq!(shown.delay().numer_denom_ms(), ([130, 120][frame % 2], 1));
            let picture = DynamicImage::ImageRgba8(shown.buffer().clone()).into_rgb8();
            let top = picture.height() - FOOT - 160;
            let squares: Vec<bool> =
                (0..3).map(|token| is_hot(picture.get_pixel(2 * MARGIN + 160 + 27 + 53 * token, top + 80))).collect();
            let expected: Vec<bool> = (0..3).map(|token| token == frame / 2).collect();
            assert_eq!(squares, expected, "frame {frame}");
        }
    }

    #[test]
    fn the_colour_bar_is_true_and_stays_as_it_is() {
        let overlay = hot_diagonal(6, 3);
        let scene = Scene::of(&overlay).unwrap();
        let drawn = picture(&scene, 0, &[scene.plain(0), scene.overlaid(0)]).unwrap().image;
        let bytes = gif(&scene).unwrap();
        let frames = GifDecoder::new(Cursor::new(&bytes)).unwrap().into_frames().collect_frames().unwrap();
        let foot = |x, y: u32| (2 * MARGIN + 160 + x, drawn.height() - FOOT + 12 + y);
        for (x, y) in (0..160).flat_map(|x| (0..FOOT - 12).map(move |y| foot(x, y))) {
            let first = frames[0].buffer().get_pixel(x, y);
            assert!(frames.iter().all(|frame| frame.buffer().get_pixel(x, y) == first), "column {x}, row {y}");
            let error = first.0.iter().zip(drawn.get_pixel(x, y).0).map(|(a, b)| a.abs_diff(b)).max();
            assert!(error < Some(16), "column {x}, row {y}: {first:?} is not {:?}", drawn.get_pixel(x, y));
        }
    }

    #[test]
    fn rounded_delays_add_up() {
        assert_eq!(delays(&[1.0 / 30.0; 6]), [3, 4, 3, 3, 4, 3]);
        assert_eq!(delays(&[0.001; 3]), [2, 2, 2]);
    }
}
