//! Grey, and away from it.

use super::Oddities;
use super::blend::blend;
use crate::video::augment::colour_jitter::{BLUE, GREEN, RED};
use crate::video::augment::frames::{PLANES, RgbFrames};

pub(super) fn saturate(frames: &mut RgbFrames, factor: f32, oddities: &Oddities) {
    for pixel in frames.pixels_mut() {
        let grey = grey(*pixel, oddities);
        *pixel = pixel.map(|byte| blend(grey, byte, factor));
    }
}

/// The grey of a pixel.
pub(in crate::video::augment) fn grey([red, green, blue]: [u8; PLANES], oddities: &Oddities) -> u8 {
    const TO_ONE: f32 = 1.0 / 255.0;
    let [red, green, blue] = [red, green, blue].map(|byte| f32::from(byte) * TO_ONE);
    let grey = red * RED + green * GREEN + blue * BLUE;
    match oddities.stretched_grey {
        true => (grey * 255.5) as u8,
        false => (grey * 255.0).round() as u8,
    }
}

/// The mean grey of a clip, rounded.
pub(super) fn mean_grey(frames: &RgbFrames, oddities: &Oddities) -> u8 {
    let pixels = frames.pixels();
    let sum: usize = pixels.iter().map(|pixel| usize::from(grey(*pixel, oddities))).sum();
    ((sum + pixels.len() / 2) / pixels.len().max(1)) as u8
}
