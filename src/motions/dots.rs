//! Motion in random dots.
//!
//! In each frame the same number of dots lies independently and evenly in the frame: what moves keeps the density, dots
//! that leave are replaced where none can have come from, and some die at any time. So a single frame is noise, whatever
//! the motion.

use super::drawing::{Drawing, FrameSize};
use super::motion::Axis;
use super::random::Random;
use super::raster::Colour;
use super::trajectory::{Extents, Ranges, progress};

/// How far dots move.
const RANGES: Ranges = Ranges { shift: [0.25, 0.6], log_scale: [0.35, 0.7], angle: [0.5, 1.4], distance: [0.24, 0.6] };

/// Radii in shorter sides of the frame, and the smallest in pixels.
const RADIUS: [f32; 2] = [0.012, 0.028];
const SMALLEST: f32 = 0.8;
/// The part of the frame that dots cover where they do not overlap.
const COVERED: [f32; 2] = [0.12, 0.3];
/// The chance that a dot dies between two frames.
const DEATH: [f32; 2] = [0.02, 0.12];
/// Attempts to find a location that no dot can have come to.
const ATTEMPTS: usize = 10_000;

/// What all clips of a scene have in common.
pub(super) struct DotScene {
    seed: u64,
    key: Vec<u64>,
    /// In pixels.
    radius: f32,
    count: usize,
    death: f32,
    ground: Colour,
    colours: [Colour; 2],
    /// Of the line along which things part.
    away: [f32; 2],
    extents: Extents,
    size: FrameSize,
}

/// Where dots go between two frames. [x, y] from the centre of the frame, in shorter sides.
#[derive(Clone, Copy, Debug)]
enum Flow {
    Shift([f32; 2]),
    /// By a factor above 1.
    Growth(f32),
    /// Cosine and sine.
    Turn(f32, f32),
    /// Both halves away from each other in this direction, by this step.
    Parting([f32; 2], f32),
}

impl Flow {
    fn forward(self, [x, y]: [f32; 2]) -> [f32; 2] {
        match self {
            Self::Shift(by) => [x + by[0], y + by[1]],
            Self::Growth(factor) => [x * factor, y * factor],
            Self::Turn(cos, sin) => [cos * x - sin * y, sin * x + cos * y],
            Self::Parting(away, step) => {
                let side = if along(away, [x, y]) < 0.0 { -step } else { step };
                [x + side * away[0], y + side * away[1]]
            }
        }
    }

    /// Where what is at [x, y] came from; `None` where nothing can have come from.
    fn origin(self, [x, y]: [f32; 2]) -> Option<[f32; 2]> {
        match self {
            Self::Shift(by) => Some([x - by[0], y - by[1]]),
            // The density sinks everywhere alike, so that new dots appear everywhere.
            Self::Growth(_) => None,
            Self::Turn(cos, sin) => Some([cos * x + sin * y, cos * y - sin * x]),
            Self::Parting(away, step) => {
                let from_line = along(away, [x, y]);
                let side = if from_line < 0.0 { -step } else { step };
                (from_line.abs() >= step).then_some([x - side * away[0], y - side * away[1]])
            }
        }
    }
}

fn along(direction: [f32; 2], [x, y]: [f32; 2]) -> f32 {
    direction[0] * x + direction[1] * y
}

impl DotScene {
    /// Draws what the dots look like; where they are follows from `seed` and `key`.
    pub(super) fn draw(random: &mut Random, seed: u64, key: &[u64], size: FrameSize, frames: usize) -> Self {
        let radius = (random.scale_between(RADIUS) * size.shorter()).max(SMALLEST);
        let covered = random.between(COVERED) * (size.rows * size.columns) as f32;
        let ground = random.between([0.35, 0.65]);
        let mut colour =
            |brightness: f32| [(); 3].map(|()| (brightness + random.between([-0.15, 0.15])).clamp(0.0, 1.0));
        let (ground, colours) = (colour(ground), [colour(0.1), colour(0.9)]);
        let angle = random.angle();
        Self {
            seed,
            key: key.to_vec(),
            radius,
            count: (covered / (std::f32::consts::PI * radius * radius)).ceil() as usize,
            death: random.between(DEATH),
            ground,
            colours,
            away: [libm::cosf(angle), libm::sinf(angle)],
            extents: Extents::draw(random, &RANGES, frames),
            size,
        }
    }

    /// All frames of the motion along `axis`.
    pub(super) fn frames(&self, axis: Axis, frames: usize) -> Vec<Drawing> {
        let key: Vec<u64> = self.key.iter().copied().chain([axis as u64]).collect();
        let mut random = Random::new(self.seed, &key);
        let mut dots: Vec<[f32; 2]> = (0..self.count).map(|_| self.anywhere(&mut random)).collect();
        let mut drawings = vec![self.drawing(&dots)];
        for frame in 1..frames {
            let time = |frame: usize| frame as f32 / (frames - 1) as f32;
            let share = |frame: usize| progress(time(frame), self.extents.easing);
            let flow = self.flow(axis, share(frame) - share(frame - 1));
            for dot in &mut dots {
                *dot = self.moved(*dot, flow, &mut random);
            }
            drawings.push(self.drawing(&dots));
        }
        drawings
    }

    /// The part `share` of the whole motion.
    fn flow(&self, axis: Axis, share: f32) -> Flow {
        match axis {
            Axis::Across | Axis::Down => {
                Flow::Shift(self.extents.direction(axis).map(|part| part * self.extents.shift * share))
            }
            Axis::Scale => Flow::Growth(libm::expf(self.extents.log_scale * share)),
            Axis::Angle => {
                let angle = self.extents.angle * share;
                Flow::Turn(libm::cosf(angle), libm::sinf(angle))
            }
            Axis::Distance => Flow::Parting(self.away, 0.5 * self.extents.distance * share),
            Axis::Tremor | Axis::Nothing => Flow::Shift([0.0; 2]),
        }
    }

    fn moved(&self, dot: [f32; 2], flow: Flow, random: &mut Random) -> [f32; 2] {
        if random.unit() < self.death {
            return self.anywhere(random);
        }
        let moved = flow.forward(dot);
        if self.is_inside(moved) {
            return moved;
        }
        let mut place = self.anywhere(random);
        for _ in 0..ATTEMPTS {
            if flow.origin(place).is_none_or(|origin| !self.is_inside(origin)) {
                break;
            }
            place = self.anywhere(random);
        }
        place
    }

    /// Half of the width and of the height in which dots live: they may be cut by the edges.
    fn reach(&self) -> [f32; 2] {
        self.size.extent().map(|side| 0.5 * side + self.radius / self.size.shorter())
    }

    fn anywhere(&self, random: &mut Random) -> [f32; 2] {
        self.reach().map(|reach| random.between([-reach, reach]))
    }

    fn is_inside(&self, [x, y]: [f32; 2]) -> bool {
        let [across, down] = self.reach();
        x.abs() <= across && y.abs() <= down
    }

    fn drawing(&self, dots: &[[f32; 2]]) -> Drawing {
        let mut drawing = Drawing::new(self.size, |_| self.ground);
        let middle = [self.size.columns, self.size.rows].map(|side| 0.5 * side as f32);
        for (number, [x, y]) in dots.iter().enumerate() {
            let centre = [middle[0] + x * self.size.shorter(), middle[1] + y * self.size.shorter()];
            drawing.cover(centre, self.radius + 0.5, |[x, y]| {
                (self.colours[number % 2], self.radius - (x * x + y * y).sqrt() + 0.5)
            });
        }
        drawing
    }
}
