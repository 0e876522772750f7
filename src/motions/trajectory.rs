//! How something moves while a clip lasts: position, scale and angle as functions of time.

use super::motion::Axis;
use super::random::Random;

/// How far something is from where it is in the middle of the clip.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pose {
    /// In shorter sides of the frame.
    pub(super) right: f32,
    /// In shorter sides of the frame.
    pub(super) down: f32,
    /// The logarithm of a factor.
    pub(super) log_scale: f32,
    /// Clockwise, in radians.
    pub(super) angle: f32,
}

/// A way through poses, in time from 0 to 1. At 1/2 it is at the middle pose, whatever the motion; and it takes the same
/// time before as after, so that its reversal is as likely as itself.
#[derive(Clone, Debug)]
pub(super) struct Trajectory {
    /// From the first pose to the last.
    change: Pose,
    /// 0 for a constant speed, 1 for one that begins and ends at rest.
    easing: f32,
    tremor: Vec<Tremor>,
}

/// One of the oscillations that make a hand tremble.
#[derive(Clone, Copy, Debug)]
struct Tremor {
    extent: Pose,
    /// In a clip.
    cycles: f32,
    phase: f32,
}

impl Trajectory {
    pub(super) fn at(&self, time: f32) -> Pose {
        let share = progress(time, self.easing) - 0.5;
        let mut pose = Pose::default().plus(self.change, share);
        for tremor in &self.tremor {
            let angle = std::f32::consts::TAU * tremor.cycles * time + tremor.phase;
            pose = pose.plus(tremor.extent, libm::sinf(angle));
        }
        pose
    }
}

impl Pose {
    fn plus(self, other: Self, times: f32) -> Self {
        Self {
            right: self.right + times * other.right,
            down: self.down + times * other.down,
            log_scale: self.log_scale + times * other.log_scale,
            angle: self.angle + times * other.angle,
        }
    }
}

/// The part of the way that is done at `time`.
pub(super) fn progress(time: f32, easing: f32) -> f32 {
    (1.0 - easing) * time + easing * time * time * (3.0 - 2.0 * time)
}

/// Between which numbers the extents of motions are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// Of a shift, in shorter sides of the frame.
    pub(super) shift: [f32; 2],
    /// Of the logarithm of a growth.
    pub(super) log_scale: [f32; 2],
    /// Of a turn, in radians.
    pub(super) angle: [f32; 2],
    /// By which a distance changes, in shorter sides of the frame.
    pub(super) distance: [f32; 2],
}

/// How far each motion would go: drawn once a scene, whichever motion is asked for.
#[derive(Clone, Debug)]
pub(super) struct Extents {
    pub(super) shift: f32,
    /// By which a shift differs from its axis, in radians.
    pub(super) stray: f32,
    pub(super) log_scale: f32,
    pub(super) angle: f32,
    pub(super) distance: f32,
    pub(super) easing: f32,
    tremor: Vec<Tremor>,
}

/// Radians by which a shift differs from its axis at most: nobody pans exactly level.
const STRAY: f32 = 0.17;
/// Oscillations of a tremor, and between which numbers they lie.
const TREMORS: usize = 3;
const CYCLES: [f32; 2] = [2.0, 7.0];
const TREMOR_EXTENT: [f32; 2] = [0.008, 0.025];
const TREMOR_ANGLE: f32 = 0.01;

impl Extents {
    /// For clips of `frames` frames, between which nothing oscillates.
    pub(super) fn draw(random: &mut Random, ranges: &Ranges, frames: usize) -> Self {
        let [slowest, fastest] = CYCLES.map(|cycles| cycles.min((frames as f32 - 1.0) / 2.2));
        let mut extent = || {
            let sign = if random.below(2) == 0 { -1.0 } else { 1.0 };
            sign * random.scale_between(TREMOR_EXTENT)
        };
        let extents = [(); TREMORS].map(|()| [extent(), extent()]);
        let tremor = extents.map(|[right, down]| Tremor {
            extent: Pose { right, down, log_scale: 0.0, angle: random.between([-TREMOR_ANGLE, TREMOR_ANGLE]) },
            cycles: random.between([slowest, fastest]),
            phase: random.angle(),
        });
        Self {
            shift: random.scale_between(ranges.shift),
            stray: random.between([-STRAY, STRAY]),
            log_scale: random.scale_between(ranges.log_scale),
            angle: random.scale_between(ranges.angle),
            distance: random.scale_between(ranges.distance),
            easing: random.unit(),
            tremor: tremor.to_vec(),
        }
    }

    /// The direction of a shift along `axis`: right and down.
    pub(super) fn direction(&self, axis: Axis) -> [f32; 2] {
        let (along, aside) = (libm::cosf(self.stray), libm::sinf(self.stray));
        match axis {
            Axis::Across => [along, aside],
            _ => [aside, along],
        }
    }

    /// The way along `axis`; along [`Axis::Distance`], that of something whose partner lies against `away`.
    pub(super) fn trajectory(&self, axis: Axis, away: [f32; 2]) -> Trajectory {
        let still = Pose::default();
        let change = match axis {
            Axis::Across | Axis::Down => {
                let [right, down] = self.direction(axis).map(|part| part * self.shift);
                Pose { right, down, ..still }
            }
            Axis::Scale => Pose { log_scale: self.log_scale, ..still },
            Axis::Angle => Pose { angle: self.angle, ..still },
            Axis::Distance => {
                let [right, down] = away.map(|part| part * 0.5 * self.distance);
                Pose { right, down, ..still }
            }
            Axis::Tremor | Axis::Nothing => still,
        };
        let tremor = if axis == Axis::Tremor { self.tremor.clone() } else { Vec::new() };
        Trajectory { change, easing: self.easing, tremor }
    }
}
