//! A camera that moves over a picture.

use std::sync::Arc;

use super::drawing::{Drawing, FrameSize};
use super::motion::Axis;
use super::random::Random;
use super::raster::{Edges, Raster};
use super::trajectory::{Extents, Ranges};

/// How far the camera moves.
const RANGES: Ranges =
    Ranges { shift: [0.12, 0.5], log_scale: [0.22, 0.6], angle: [0.25, 0.9], distance: [0.0001, 0.0002] };

/// Shorter sides of the frame that a side of a texture spans, as the camera stands in the middle of a clip.
const TEXTURE_SPAN: [f32; 2] = [1.4, 3.2];
/// Shorter sides of the frame that the shorter side of a photograph spans: enough not to look beyond its edges often.
const PHOTOGRAPH_SPAN: [f32; 2] = [2.0, 2.9];
/// By how much photographs are tilted, in radians, so that a tilt says nothing.
const PHOTOGRAPH_TILT: f32 = 0.35;
/// Shorter sides of the frame between its centre and the edge of a photograph, where there is room.
const MARGIN: f32 = 0.95;

/// A camera before a picture, as it stands in the middle of the clip.
pub(super) struct CameraScene {
    picture: Arc<Raster>,
    /// [x, y] in texels.
    centre: [f32; 2],
    /// Texels a pixel.
    spacing: f32,
    angle: f32,
    extents: Extents,
    size: FrameSize,
}

impl CameraScene {
    /// Draws where the camera stands: anywhere over a texture, near the middle of a photograph.
    pub(super) fn draw(
        random: &mut Random,
        picture: Arc<Raster>,
        edges: Edges,
        size: FrameSize,
        frames: usize,
    ) -> Self {
        let [rows, columns] = picture.sides().map(|side| side as f32);
        let shorter = rows.min(columns);
        let (span, angle) = match edges {
            Edges::Repeat => (random.scale_between(TEXTURE_SPAN), random.angle()),
            Edges::Mirror => {
                (random.scale_between(PHOTOGRAPH_SPAN), random.between([-PHOTOGRAPH_TILT, PHOTOGRAPH_TILT]))
            }
        };
        let spacing = shorter / (span * size.shorter());
        let mut along = |side: f32| match edges {
            Edges::Repeat => side * random.unit(),
            Edges::Mirror => {
                let margin = (MARGIN * spacing * size.shorter()).min(0.5 * side);
                random.between([margin, side - margin])
            }
        };
        let centre = [along(columns), along(rows)];
        Self { picture, centre, spacing, angle, extents: Extents::draw(random, &RANGES, frames), size }
    }

    /// Bytes of its picture.
    pub(super) fn bytes(&self) -> usize {
        self.picture.bytes()
    }

    /// What the camera sees at `time`, while it moves along `axis`.
    pub(super) fn frame(&self, axis: Axis, time: f32) -> Drawing {
        let pose = self.extents.trajectory(axis, [0.0; 2]).at(time);
        let spacing = self.spacing * libm::expf(-pose.log_scale);
        let angle = self.angle + pose.angle;
        let (cos, sin) = (libm::cosf(angle), libm::sinf(angle));
        // A shift is so many sides of the frame, whatever the zoom.
        let shift = [pose.right, pose.down].map(|part| part * self.size.shorter());
        let middle = [self.size.columns, self.size.rows].map(|side| 0.5 * side as f32);
        let detail = self.picture.detail(spacing);
        Drawing::new(self.size, |[x, y]| {
            let (x, y) = (x - middle[0] + shift[0], y - middle[1] + shift[1]);
            let at = [cos * x - sin * y, sin * x + cos * y];
            self.picture.sample([self.centre[0] + spacing * at[0], self.centre[1] + spacing * at[1]], detail)
        })
    }
}
