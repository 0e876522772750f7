//! Fields of numbers between 0 and 1 on a square that repeats.

use std::f32::consts::TAU;

use super::noise::{gradient, octaves, value};
use crate::motions::random::{Random, scattered, unit};

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Soft squares.
    Value,
    /// Clouds.
    Gradient,
    /// Wavy stripes.
    Stripes,
    /// Squares of two kinds.
    Checkers,
    /// Round spots.
    Blobs,
    /// Voronoi cells with dark borders.
    Cells,
    /// Lines of signs.
    Glyphs,
}

impl Family {
    pub(super) const ALL: &'static [Self] =
        &[Self::Value, Self::Gradient, Self::Stripes, Self::Checkers, Self::Blobs, Self::Cells, Self::Glyphs];
}

/// A field, as it was drawn.
#[derive(Clone, Debug)]
pub(super) struct Field {
    family: Family,
    seed: u32,
    /// Cells along a side.
    cells: u32,
    /// Whole waves along both sides, of stripes.
    waves: [f32; 2],
    /// Steepness of what has edges.
    hardness: f32,
    /// By how much straight lines are bent, in sides.
    bend: f32,
    /// How much noise there is in it: what repeats, and what looks alike when it is shifted, becomes unmistakable.
    noise: f32,
}

/// Between which numbers of cells a side has, drawn evenly in their logarithm.
const CELLS: [f32; 2] = [6.0, 26.0];
/// Whole waves along a side at most.
const MOST_WAVES: usize = 9;

impl Field {
    pub(super) fn draw(random: &mut Random) -> Self {
        let family = Family::ALL[random.below(Family::ALL.len())];
        Self::of(family, random)
    }

    pub(super) fn of(family: Family, random: &mut Random) -> Self {
        let cells = random.scale_between(CELLS) as u32;
        let mut wave = || random.below(2 * MOST_WAVES + 1) as f32 - MOST_WAVES as f32;
        let [x, y] = [wave(), wave()];
        Self {
            family,
            seed: random.word(),
            cells,
            waves: if x.abs() + y.abs() < 3.0 { [x + 3.0, y + 3.0] } else { [x, y] },
            hardness: random.scale_between([1.0, 8.0]),
            bend: random.between([0.0, 0.12]),
            noise: random.between([0.2, 0.45]),
        }
    }

    /// The number at [x, y], each at least 0 and below 1.
    pub(super) fn at(&self, at: [f32; 2]) -> f32 {
        let pattern = match self.family {
            Family::Value => octaves(value, self.seed, self.cells, 3, at),
            Family::Gradient => octaves(gradient, self.seed, self.cells, 4, at),
            Family::Stripes => self.stripes(self.bent(at)),
            Family::Checkers => self.checkers(self.bent(at)),
            Family::Blobs => self.blobs(at),
            Family::Cells => self.voronoi(at),
            Family::Glyphs => self.glyphs(at),
        };
        let noise = octaves(value, self.seed ^ 0x5bd1_e995, self.cells, 3, at);
        pattern + (noise - pattern) * self.noise
    }

    /// Where a straight line becomes a bent one.
    fn bent(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let by = |salt: u32| self.bend * (gradient(self.seed ^ salt, 3, [x, y]) - 0.5);
        [(x + by(1) + 1.0) % 1.0, (y + by(2) + 1.0) % 1.0]
    }

    fn stripes(&self, [x, y]: [f32; 2]) -> f32 {
        let wave = libm::sinf(TAU * (self.waves[0] * x + self.waves[1] * y));
        0.5 + (0.5 * self.hardness * wave).clamp(-0.5, 0.5)
    }

    fn checkers(&self, at: [f32; 2]) -> f32 {
        let cells = self.cells / 2 * 2;
        let cell = at.map(|part| (part * cells as f32) as u32 % cells);
        let own = unit(scattered(self.seed, cell));
        0.65 * ((cell[0] + cell[1]) % 2) as f32 + 0.35 * own
    }

    /// The points of the nine cells around `at`, one a cell: how far each is, in cells, and its random word.
    fn points(&self, at: [f32; 2]) -> impl Iterator<Item = (f32, u32)> {
        let (seed, cells) = (self.seed, self.cells);
        let scaled = at.map(|part| part * cells as f32);
        let own = scaled.map(f32::floor);
        (0..9u32).map(move |neighbour| {
            let step = [neighbour % 3, neighbour / 3].map(|step| step as f32 - 1.0);
            let base = [own[0] + step[0], own[1] + step[1]];
            let cell = base.map(|part| (part as i32).rem_euclid(cells as i32) as u32);
            let word = scattered(seed, cell);
            let [x, y] = [unit(scattered(word, [0, 1])), unit(scattered(word, [0, 2]))];
            let (right, down) = (base[0] + x - scaled[0], base[1] + y - scaled[1]);
            ((right * right + down * down).sqrt(), word)
        })
    }

    fn blobs(&self, at: [f32; 2]) -> f32 {
        let mut level = 0.1;
        for (distance, word) in self.points(at) {
            let [own, size] = [unit(scattered(word, [1, 0])), unit(scattered(word, [1, 1]))];
            let inside = (2.0 * (1.0 + self.hardness) * (0.3 + 0.4 * size - distance)).clamp(0.0, 1.0);
            level += (0.5 + 0.5 * own - level) * inside;
        }
        level
    }

    fn voronoi(&self, at: [f32; 2]) -> f32 {
        let (mut nearest, mut second, mut level) = (f32::INFINITY, f32::INFINITY, 0.0);
        for (distance, word) in self.points(at) {
            if distance < nearest {
                (second, nearest, level) = (nearest, distance, unit(scattered(word, [1, 0])));
            } else if distance < second {
                second = distance;
            }
        }
        (0.2 + 0.8 * level) * (self.hardness * (second - nearest)).min(1.0)
    }

    /// Signs of seven strokes, as on a pocket calculator, and blanks between words.
    fn glyphs(&self, at: [f32; 2]) -> f32 {
        let lines = (self.cells / 2).max(4);
        let counts = [lines * 3 / 2, lines];
        let scaled = [at[0] * counts[0] as f32, at[1] * counts[1] as f32];
        let word = scattered(self.seed, [scaled[0] as u32 % counts[0], scaled[1] as u32 % counts[1]]);
        let [x, y] = scaled.map(|part| part - part.floor());
        const THICKNESS: f32 = 0.17;
        const BLANKS: u32 = 6;
        let near = |value: f32, line: f32| (value - line).abs() < 0.5 * THICKNESS;
        let inside = (0.12..0.8).contains(&x);
        let (upper, lower) = ((0.1..0.5).contains(&y), (0.5..0.9).contains(&y));
        let strokes = [
            inside && near(y, 0.16),
            inside && near(y, 0.5),
            inside && near(y, 0.84),
            upper && near(x, 0.2),
            lower && near(x, 0.2),
            upper && near(x, 0.72),
            lower && near(x, 0.72),
        ];
        let shown = strokes.iter().enumerate().any(|(stroke, on)| *on && (word >> (8 + 2 * stroke)) & 3 != 0);
        if shown && !word.is_multiple_of(BLANKS) { 0.95 } else { 0.1 }
    }
}
