//! Away from the smoothed picture.

use super::Oddities;
use super::blend::blend;
use crate::video::augment::frames::{PLANES, RgbFrames};

pub(super) fn sharpen(frames: &mut RgbFrames, factor: f32, oddities: &Oddities) {
    let smoothed = smoothed(frames, oddities);
    for (byte, smoothed) in frames.bytes.iter_mut().zip(smoothed) {
        *byte = blend(smoothed, *byte, factor);
    }
}

/// Each byte but those of the edge as a mean over 3×3 pixels in which the middle one counts five times, truncated.
///
/// The sum is taken in f32, row by row: where it is exact in integers it may come out a little lower, and lose a level.
pub(in crate::video::augment) fn smoothed(frames: &RgbFrames, oddities: &Oddities) -> Vec<u8> {
    let mut smoothed = frames.bytes.clone();
    let picture = if oddities.joined_frames { frames.bytes.len() } else { frames.frame_bytes() };
    let row = frames.row_bytes();
    for (bytes, smoothed) in frames.bytes.chunks_exact(picture).zip(smoothed.chunks_exact_mut(picture)) {
        for y in 1..(picture / row).saturating_sub(1) {
            let around = &bytes[(y - 1) * row..(y + 2) * row];
            for (middle, smoothed) in smoothed[y * row..][..row].iter_mut().enumerate() {
                if (PLANES..row - PLANES).contains(&middle) {
                    *smoothed = mean(around, row, middle);
                }
            }
        }
    }
    smoothed
}

/// Of three rows, around byte `middle` of the second.
fn mean(rows: &[u8], row: usize, middle: usize) -> u8 {
    const SIDE: f32 = 1.0 / 13.0;
    const MIDDLE: f32 = 5.0 / 13.0;
    const WEIGHTS: [[f32; 3]; 3] = [[SIDE; 3], [SIDE, MIDDLE, SIDE], [SIDE; 3]];
    let mut sum = 0.0;
    for (bytes, weights) in rows.chunks_exact(row).zip(WEIGHTS) {
        for (column, weight) in weights.into_iter().enumerate() {
            sum += f32::from(bytes[middle + column * PLANES - PLANES]) * weight;
        }
    }
    sum.clamp(0.0, 255.0) as u8
}
