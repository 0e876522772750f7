//! Operations that replace each byte by another, whatever its neighbours: a table of 256 bytes, for each plane where it
//! depends on the clip.

use std::array::from_fn;

use super::Oddities;
use super::blend::blend;
use super::saturation::mean_grey;
use crate::video::augment::frames::{PLANES, RgbFrames};

type Table = [u8; 256];

fn replace(frames: &mut RgbFrames, tables: &[Table; PLANES]) {
    for pixel in frames.pixels_mut() {
        pixel.iter_mut().zip(tables).for_each(|(byte, table)| *byte = table[usize::from(*byte)]);
    }
}

fn replace_all(frames: &mut RgbFrames, byte: impl Fn(u8) -> u8) {
    let table: Table = from_fn(|from| byte(from as u8));
    frames.bytes.iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]);
}

/// How often each byte occurs in each plane of the whole clip.
fn histograms(frames: &RgbFrames) -> [[usize; 256]; PLANES] {
    let mut histograms = [[0; 256]; PLANES];
    for pixel in frames.pixels() {
        pixel.iter().zip(&mut histograms).for_each(|(byte, histogram)| histogram[usize::from(*byte)] += 1);
    }
    histograms
}

pub(super) fn invert(frames: &mut RgbFrames) {
    replace_all(frames, |byte| 255 - byte);
}

/// Keeps the highest `bits` bits, 0 to 8.
pub(super) fn posterize(frames: &mut RgbFrames, bits: u32) {
    let mask = !(255u32 >> bits) as u8;
    replace_all(frames, |byte| byte & mask);
}

pub(super) fn solarize(frames: &mut RgbFrames, threshold: u32) {
    replace_all(frames, |byte| if u32::from(byte) < threshold { byte } else { 255 - byte });
}

pub(super) fn solarize_add(frames: &mut RgbFrames, addition: u8) {
    replace_all(frames, |byte| if byte < 128 { byte.saturating_add(addition) } else { byte });
}

pub(super) fn brighten(frames: &mut RgbFrames, factor: f32) {
    replace_all(frames, |byte| blend(0, byte, factor));
}

pub(super) fn contrast(frames: &mut RgbFrames, factor: f32, oddities: &Oddities) {
    let constant = match oddities.contrast_by_count {
        // The histogram's counts are added up where bytes were meant, and shared out over its bins.
        true => (frames.pixels().len() / 256).min(255) as u8,
        false => mean_grey(frames, oddities),
    };
    replace_all(frames, |byte| blend(constant, byte, factor));
}

pub(super) fn auto_contrast(frames: &mut RgbFrames) {
    let tables = histograms(frames).map(|histogram| stretching(&histogram));
    replace(frames, &tables);
}

/// From the lowest and the highest byte that occur to 0 and 255.
fn stretching(histogram: &[usize; 256]) -> Table {
    let occurs = |count: &usize| *count > 0;
    let (low, high) = (histogram.iter().position(occurs), histogram.iter().rposition(occurs));
    let (low, high) = (low.unwrap_or(0) as f32, high.unwrap_or(0) as f32);
    if low >= high {
        return from_fn(|byte| byte as u8);
    }
    let scale = 255.0 / (high - low);
    let offset = -low * scale;
    from_fn(|byte| (byte as f32 * scale + offset).clamp(0.0, 255.0) as u8)
}

pub(super) fn equalize(frames: &mut RgbFrames) {
    let tables = histograms(frames).map(|histogram| equalizing(&histogram));
    replace(frames, &tables);
}

/// Each byte by how many are lower, in steps that leave the highest bin out.
fn equalizing(histogram: &[usize; 256]) -> Table {
    let highest = histogram.iter().rfind(|count| **count > 0).unwrap_or(&0);
    let step = (histogram.iter().sum::<usize>() - highest) / 255;
    if step == 0 {
        return from_fn(|byte| byte as u8);
    }
    let mut lower = 0;
    histogram.map(|count| {
        let steps = (lower + step / 2) / step;
        lower += count;
        steps.min(255) as u8
    })
}
