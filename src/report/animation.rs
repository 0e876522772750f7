//! The animation: each frame beside its overlay.

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Rgb};

use super::canvas::{Anchor, Canvas, FADED_INK, INK, Rectangle, Typeface};
use super::scene::Scene;
use crate::tensor::{Error, Result};

/// Pixels around and between everything.
const MARGIN: u32 = 14;
const TITLE: f32 = 17.0;
const LABEL: f32 = 13.0;
/// Height of the title and the facts.
const HEAD: u32 = 48;
/// Height of what is below the frames.
const FOOT: u32 = 44;
/// The colour of the part of the track that is still to come.
const TRACK: Rgb<u8> = Rgb([222, 225, 230]);

/// Of the encoder's 1 to 30, where 1 is slow: differences below 10 are not visible.
const SPEED: i32 = 10;

/// The bytes of a GIF that repeats forever.
pub(super) fn gif(scene: &Scene<'_>) -> Result<Vec<u8>> {
    let failed = |error: image::ImageError| Error::usage(format!("these frames cannot be written as a GIF: {error}"));
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    for (frame, centiseconds) in delays(scene).into_iter().enumerate() {
        let picture = DynamicImage::ImageRgb8(page(scene, frame)?.image).into_rgba8();
        let delay = Delay::from_numer_denom_ms(10 * centiseconds, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).map_err(failed)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// One picture of the animation.
fn page(scene: &Scene<'_>, frame: usize) -> Result<Canvas> {
    let [width, height] = scene.size();
    let whole = 2 * width + 3 * MARGIN;
    let mut canvas = Canvas::new(whole, HEAD + height + FOOT)?;
    head(&mut canvas, scene, whole - 2 * MARGIN)?;
    canvas.paste(&scene.plain(frame), MARGIN, HEAD);
    canvas.paste(&scene.overlaid(frame), 2 * MARGIN + width, HEAD);
    let track = Rectangle { x: MARGIN, y: HEAD + height + 6, width: whole - 2 * MARGIN, height: 3 };
    let so_far = (u64::from(track.width) * (frame as u64 + 1) / scene.frames.len() as u64) as u32;
    canvas.fill(track, TRACK, 1.0);
    canvas.fill(Rectangle { width: so_far, ..track }, INK, 1.0);
    let baseline = (HEAD + height + FOOT) as f32 - 14.0;
    canvas.write(&scene.time(frame), [MARGIN as f32, baseline], LABEL, Anchor::Left, INK);
    labelled_bar(&mut canvas, scene, baseline)?;
    Ok(canvas)
}

fn head(canvas: &mut Canvas, scene: &Scene<'_>, width: u32) -> Result<()> {
    let typeface = Typeface::new()?;
    let left = MARGIN as f32;
    let title = typeface.fitting(&scene.overlay.title, TITLE, width as f32);
    canvas.write(&title, [left, 21.0], TITLE, Anchor::Left, INK);
    let facts = typeface.fitting(&scene.facts(), LABEL, width as f32);
    canvas.write(&facts, [left, 40.0], LABEL, Anchor::Left, FADED_INK);
    Ok(())
}

/// The colour bar below the overlay, the lowest value before and the highest behind it.
fn labelled_bar(canvas: &mut Canvas, scene: &Scene<'_>, baseline: f32) -> Result<()> {
    let [width, _] = scene.size();
    let typeface = Typeface::new()?;
    let [low, high] = scene.bar_labels();
    let (from, to) = ((2 * MARGIN + width) as f32, (2 * MARGIN + 2 * width) as f32);
    canvas.write(&low, [from, baseline], LABEL, Anchor::Left, FADED_INK);
    canvas.write(&high, [to, baseline], LABEL, Anchor::Right, FADED_INK);
    let start = from + typeface.width(&low, LABEL) + 6.0;
    let length = to - typeface.width(&high, LABEL) - 6.0 - start;
    if length >= 8.0 {
        let y = baseline as u32 - 10;
        scene.colour_bar(canvas, Rectangle { x: start as u32, y, width: length as u32, height: 10 });
    }
    Ok(())
}

/// How long each frame is shown, in hundredths of a second, GIF's unit: rounded so that the whole takes its time.
fn delays(scene: &Scene<'_>) -> Vec<u32> {
    let mut end = 0.0;
    let mut shown = 0;
    let delay = |seconds: f64| {
        end += 100.0 * seconds;
        let delay = (end.round() as u32).saturating_sub(shown).max(SHORTEST);
        shown += delay;
        delay
    };
    scene.durations().into_iter().map(delay).collect()
}

/// Viewers slow down anything faster.
const SHORTEST: u32 = 2;
