//! Noise on a square that repeats: random at the corners of a grid, smooth between them.

use crate::motions::random::{scattered, unit};

/// Values at the corners of `cells` × `cells` cells, smoothly mixed between them: 0 to 1.
pub(super) fn value(seed: u32, cells: u32, at: [f32; 2]) -> f32 {
    let corner = |cell: [u32; 2], _: [f32; 2]| unit(scattered(seed, cell));
    between_corners(cells, at, corner)
}

/// Slopes at the corners, smoothly mixed between them: 0 to 1, 1/2 at the corners. (Perlin 1985)
pub(super) fn gradient(seed: u32, cells: u32, at: [f32; 2]) -> f32 {
    let corner = |cell: [u32; 2], [x, y]: [f32; 2]| {
        let [slope_x, slope_y] = SLOPES[(scattered(seed, cell) >> 29) as usize];
        slope_x * x + slope_y * y
    };
    (0.5 + 0.75 * between_corners(cells, at, corner)).clamp(0.0, 1.0)
}

const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Unit vectors in eight directions.
const SLOPES: [[f32; 2]; 8] = [
    [1.0, 0.0],
    [DIAGONAL, DIAGONAL],
    [0.0, 1.0],
    [-DIAGONAL, DIAGONAL],
    [-1.0, 0.0],
    [-DIAGONAL, -DIAGONAL],
    [0.0, -1.0],
    [DIAGONAL, -DIAGONAL],
];

/// A sum of `noise` on ever finer grids, each half as strong as the one before: 0 to 1.
pub(super) fn octaves(noise: fn(u32, u32, [f32; 2]) -> f32, seed: u32, cells: u32, count: u32, at: [f32; 2]) -> f32 {
    let (mut sum, mut strength, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..count {
        sum += strength * noise(seed.wrapping_add(octave), cells << octave, at);
        total += strength;
        strength *= 0.5;
    }
    // Sums of many lie near the middle.
    (0.5 + 1.5 * (sum / total - 0.5)).clamp(0.0, 1.0)
}

/// Mixes what the corners around `at` give, each told its cell and how far `at` is from it, in cells.
fn between_corners(cells: u32, at: [f32; 2], corner: impl Fn([u32; 2], [f32; 2]) -> f32) -> f32 {
    let scaled = at.map(|part| part * cells as f32);
    let [left, top] = scaled.map(f32::floor);
    let [x, y] = [scaled[0] - left, scaled[1] - top];
    let cell = |base: f32, next: u32| (base as u32 + next) % cells;
    let value =
        |right: u32, down: u32| corner([cell(left, right), cell(top, down)], [x - right as f32, y - down as f32]);
    let (across, down) = (faded(x), faded(y));
    let top = value(0, 0) + (value(1, 0) - value(0, 0)) * across;
    let bottom = value(0, 1) + (value(1, 1) - value(0, 1)) * across;
    top + (bottom - top) * down
}

/// From 0 to 1, with two derivatives that begin and end at 0.
fn faded(share: f32) -> f32 {
    share * share * share * (share * (6.0 * share - 15.0) + 10.0)
}
