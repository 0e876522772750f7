//! Two textured shapes before a textured ground.
//!
//! Their world is a torus, exactly as large as the frame: what leaves on one side comes in on the other. So shapes are
//! equally likely anywhere at any time, and no position tells where they go.

use super::drawing::{Drawing, FrameSize};
use super::motion::Axis;
use super::random::Random;
use super::raster::Raster;
use super::texture;
use super::trajectory::{Extents, Ranges};

/// How far shapes move.
const RANGES: Ranges = Ranges { shift: [0.15, 0.4], log_scale: [0.3, 0.55], angle: [0.7, 2.0], distance: [0.15, 0.3] };

/// Radii in shorter sides of the frame: of both shapes, and by which factor each differs.
const RADIUS: [f32; 2] = [0.1, 0.25];
const OWN_RADIUS: [f32; 2] = [0.85, 1.15];
/// Shorter sides of the frame that a side of the ground's texture spans.
const GROUND_SPAN: [f32; 2] = [1.4, 3.2];
/// Radii that a side of a shape's texture spans.
const SHAPE_SPAN: f32 = 3.0;
/// Attempts to place two shapes apart from each other.
const ATTEMPTS: usize = 64;

/// The scene in the middle of the clip.
pub(super) struct ShapeScene {
    ground: Drawing,
    shapes: [Shape; 2],
    /// From the first shape to the second, of length 1.
    away: [f32; 2],
    extents: Extents,
    size: FrameSize,
}

/// A shape in the middle of the clip.
pub(super) struct Shape {
    outline: Outline,
    texture: Raster,
    /// [x, y] in shorter sides of the frame.
    pub(super) centre: [f32; 2],
    /// In shorter sides of the frame.
    pub(super) radius: f32,
    angle: f32,
}

/// How far the edge is from the centre, in radii, by the direction.
#[derive(Clone, Copy, Debug)]
enum Outline {
    /// With so many corners.
    Polygon(f32),
    /// With so many petals of this depth; a disc where it is 0.
    Petals(f32, f32),
}

impl ShapeScene {
    pub(super) fn draw(random: &mut Random, texture_side: usize, size: FrameSize, frames: usize) -> Self {
        let extents = Extents::draw(random, &RANGES, frames);
        let ground = texture::draw(random, texture_side);
        let radius = random.scale_between(RADIUS);
        let mut shape = || Shape {
            outline: Outline::draw(random),
            texture: texture::draw(random, texture_side / 2),
            centre: [0.0; 2],
            radius: radius * random.scale_between(OWN_RADIUS),
            angle: random.angle(),
        };
        let mut shapes = [shape(), shape()];
        let apart = shapes[0].radius + shapes[1].radius + 0.5 * extents.distance;
        for _ in 0..ATTEMPTS {
            let mut place = || size.extent().map(|side| side * random.unit());
            (shapes[0].centre, shapes[1].centre) = (place(), place());
            if distance(shapes[0].centre, shapes[1].centre, size.extent()) >= apart {
                break;
            }
        }
        let away = direction(shapes[0].centre, shapes[1].centre);
        Self { ground: drawn_ground(random, &ground, size), shapes, away, extents, size }
    }

    /// Bytes of its pictures.
    pub(super) fn bytes(&self) -> usize {
        self.ground.pixel_bytes() + self.shapes.iter().map(|shape| shape.texture.bytes()).sum::<usize>()
    }

    /// The scene at `time`, while both shapes move along `axis`.
    pub(super) fn frame(&self, axis: Axis, time: f32) -> Drawing {
        let mut drawing = self.ground.clone();
        for (shape, side) in self.shapes.iter().zip([-1.0, 1.0]) {
            let pose = self.extents.trajectory(axis, self.away.map(|part| side * part)).at(time);
            let centre = [shape.centre[0] + pose.right, shape.centre[1] + pose.down];
            let radius = shape.radius * libm::expf(pose.log_scale);
            self.draw_everywhere(&mut drawing, shape, centre, radius, shape.angle + pose.angle);
        }
        drawing
    }

    /// Draws a shape wherever the torus comes round to it.
    fn draw_everywhere(&self, drawing: &mut Drawing, shape: &Shape, centre: [f32; 2], radius: f32, angle: f32) {
        let [width, height] = self.size.extent();
        let within = [centre[0].rem_euclid(width), centre[1].rem_euclid(height)];
        for (right, down) in [-1.0, 0.0, 1.0].into_iter().flat_map(|down| [-1.0, 0.0, 1.0].map(|right| (right, down))) {
            let centre = [within[0] + right * width, within[1] + down * height];
            shape.cover(drawing, centre.map(|part| part * self.size.shorter()), radius * self.size.shorter(), angle);
        }
    }

    /// The shapes in the middle of the clip.
    #[cfg(test)]
    pub(super) fn shapes(&self) -> &[Shape; 2] {
        &self.shapes
    }
}

impl Shape {
    /// Draws the shape; all in pixels.
    fn cover(&self, drawing: &mut Drawing, centre: [f32; 2], radius: f32, angle: f32) {
        let (cos, sin) = (libm::cosf(angle), libm::sinf(angle));
        let side = self.texture.sides()[0] as f32;
        let spacing = side / (SHAPE_SPAN * radius);
        let detail = self.texture.detail(spacing);
        drawing.cover(centre, radius + 1.0, |[x, y]| {
            let (along, aside) = (cos * x + sin * y, cos * y - sin * x);
            let from_centre = (x * x + y * y).sqrt();
            // An edge as wide as a pixel.
            let share = self.outline.edge(libm::atan2f(aside, along)) * radius - from_centre + 0.5;
            if share <= 0.0 {
                return ([0.0; 3], 0.0);
            }
            let at = [along, aside].map(|part| 0.5 * side + spacing * part);
            (self.texture.sample(at, detail), share)
        });
    }
}

impl Outline {
    fn draw(random: &mut Random) -> Self {
        match random.below(3) {
            0 => Self::Polygon((3 + random.below(3)) as f32),
            1 => Self::Petals((2 + random.below(5)) as f32, random.between([0.1, 0.25])),
            _ => Self::Petals(1.0, 0.0),
        }
    }

    /// How far the edge is from the centre in this direction, in radii.
    fn edge(self, angle: f32) -> f32 {
        match self {
            Self::Polygon(corners) => {
                let sector = std::f32::consts::TAU / corners;
                let from_middle = (angle + std::f32::consts::TAU) % sector - 0.5 * sector;
                libm::cosf(0.5 * sector) / libm::cosf(from_middle)
            }
            Self::Petals(count, depth) => 1.0 - depth + depth * libm::cosf(count * angle),
        }
    }
}

/// The ground, which stays as it is.
fn drawn_ground(random: &mut Random, texture: &Raster, size: FrameSize) -> Drawing {
    let side = texture.sides()[0] as f32;
    let spacing = side / (random.scale_between(GROUND_SPAN) * size.shorter());
    let (angle, centre) = (random.angle(), [side * random.unit(), side * random.unit()]);
    let (cos, sin) = (libm::cosf(angle), libm::sinf(angle));
    let detail = texture.detail(spacing);
    Drawing::new(size, |[x, y]| {
        let at = [cos * x - sin * y, sin * x + cos * y];
        texture.sample([centre[0] + spacing * at[0], centre[1] + spacing * at[1]], detail)
    })
}

/// Between two points of a torus of these sides.
fn distance(from: [f32; 2], to: [f32; 2], sides: [f32; 2]) -> f32 {
    let part = |axis: usize| {
        let apart = (to[axis] - from[axis]).rem_euclid(sides[axis]);
        apart.min(sides[axis] - apart)
    };
    let [across, down] = [part(0), part(1)];
    (across * across + down * down).sqrt()
}

/// From one point to another as they are seen in the frame, of length 1.
fn direction(from: [f32; 2], to: [f32; 2]) -> [f32; 2] {
    let (across, down) = (to[0] - from[0], to[1] - from[1]);
    let length = (across * across + down * down).sqrt();
    if length > 0.0 { [across / length, down / length] } else { [1.0, 0.0] }
}
