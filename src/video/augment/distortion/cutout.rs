//! A filled square.

use super::Oddities;
use crate::video::augment::frames::{PLANES, RgbFrames};

/// Fills what lies less than `reach` pixels before and at most `reach` − 1 behind `centre` = [y, x], in every frame.
pub(super) fn cut_out(frames: &mut RgbFrames, centre: [usize; 2], reach: usize, oddities: &Oddities) {
    let [rows, columns] = [0, 1].map(|axis| {
        let side = frames.size[axis];
        centre[axis].saturating_sub(reach).min(side)..centre[axis].saturating_add(reach).min(side)
    });
    let fill = if oddities.black_cutout { 0 } else { 128 };
    let (row, frame) = (frames.row_bytes(), frames.frame_bytes());
    for frame in frames.bytes.chunks_exact_mut(frame) {
        for y in rows.clone() {
            frame[y * row..][columns.start * PLANES..columns.end * PLANES].fill(fill);
        }
    }
}
