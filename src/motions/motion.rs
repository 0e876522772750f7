//! What clips show: the classes, and which of them are each other's reversal or mirror image.

use std::fmt;
use std::str::FromStr;

use crate::tensor::{Error, Result};

/// Which kind of clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MotionSet {
    /// Two textured shapes before a textured ground that stays.
    Shapes,
    /// The motions of shapes, in random dots: each frame alone is noise.
    Dots,
    /// A camera over a texture or a photograph.
    Camera,
}

impl MotionSet {
    /// Every set.
    pub const ALL: &'static [Self] = &[Self::Shapes, Self::Dots, Self::Camera];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shapes => "shapes",
            Self::Dots => "dots",
            Self::Camera => "camera",
        }
    }

    /// The classes, in the order of their labels.
    pub const fn motions(self) -> &'static [Motion] {
        match self {
            Self::Shapes | Self::Dots => &[
                Motion::MoveLeft,
                Motion::MoveRight,
                Motion::MoveUp,
                Motion::MoveDown,
                Motion::Grow,
                Motion::Shrink,
                Motion::TurnClockwise,
                Motion::TurnAnticlockwise,
                Motion::Approach,
                Motion::Part,
            ],
            Self::Camera => &[
                Motion::PanLeft,
                Motion::PanRight,
                Motion::PanUp,
                Motion::PanDown,
                Motion::ZoomIn,
                Motion::ZoomOut,
                Motion::RollLeft,
                Motion::RollRight,
                Motion::Still,
                Motion::Shake,
            ],
        }
    }
}

impl fmt::Display for MotionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MotionSet {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|set| set.name() == name).ok_or_else(|| {
            let names = Self::ALL.iter().map(|set| set.name()).collect::<Vec<_>>().join(", ");
            Error::usage(format!("no set of motions is called \"{name}\"; there are {names}"))
        })
    }
}

/// One set where several may be named.
impl From<MotionSet> for Vec<MotionSet> {
    fn from(set: MotionSet) -> Self {
        vec![set]
    }
}

/// A class. Words of a camera are the camera's: while it pans to the left, what it sees moves to the right, and while it
/// rolls to the left, the picture turns clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Motion {
    /// Everything but the ground moves to the left.
    MoveLeft,
    /// To the right.
    MoveRight,
    /// Upwards.
    MoveUp,
    /// Downwards.
    MoveDown,
    /// Each shape grows, and its texture with it; dots move away from the centre, and new ones appear between them.
    Grow,
    /// The reversal of [`Self::Grow`].
    Shrink,
    /// Each shape turns about its own centre, dots about that of the frame.
    TurnClockwise,
    /// The reversal of [`Self::TurnClockwise`].
    TurnAnticlockwise,
    /// Two shapes, or the two halves of all dots, come nearer to each other along a line of any direction.
    Approach,
    /// The reversal of [`Self::Approach`].
    Part,
    /// The camera turns to the left.
    PanLeft,
    /// To the right.
    PanRight,
    /// Upwards: a tilt, to film makers.
    PanUp,
    /// Downwards.
    PanDown,
    /// The picture becomes larger.
    ZoomIn,
    /// The picture becomes smaller.
    ZoomOut,
    /// The camera turns anticlockwise about its line of sight.
    RollLeft,
    /// Clockwise.
    RollRight,
    /// Nothing moves.
    Still,
    /// The camera trembles and stays where it is on the whole.
    Shake,
}

/// What changes in a motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    /// The position from left to right.
    Across,
    /// The position from top to bottom.
    Down,
    /// The size, from small to large.
    Scale,
    /// The angle, clockwise.
    Angle,
    /// The distance between two things, from near to far.
    Distance,
    /// The position, to and fro.
    Tremor,
    /// Nothing.
    Nothing,
}

impl Motion {
    /// The name as class files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MoveLeft => "move left",
            Self::MoveRight => "move right",
            Self::MoveUp => "move up",
            Self::MoveDown => "move down",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::TurnClockwise => "turn clockwise",
            Self::TurnAnticlockwise => "turn anticlockwise",
            Self::Approach => "approach",
            Self::Part => "part",
            Self::PanLeft => "pan left",
            Self::PanRight => "pan right",
            Self::PanUp => "pan up",
            Self::PanDown => "pan down",
            Self::ZoomIn => "zoom in",
            Self::ZoomOut => "zoom out",
            Self::RollLeft => "roll left",
            Self::RollRight => "roll right",
            Self::Still => "still",
            Self::Shake => "shake",
        }
    }

    /// The class of the same frames in reverse order: itself where a motion has no direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::MoveLeft => Self::MoveRight,
            Self::MoveRight => Self::MoveLeft,
            Self::MoveUp => Self::MoveDown,
            Self::MoveDown => Self::MoveUp,
            Self::Grow => Self::Shrink,
            Self::Shrink => Self::Grow,
            Self::TurnClockwise => Self::TurnAnticlockwise,
            Self::TurnAnticlockwise => Self::TurnClockwise,
            Self::Approach => Self::Part,
            Self::Part => Self::Approach,
            Self::PanLeft => Self::PanRight,
            Self::PanRight => Self::PanLeft,
            Self::PanUp => Self::PanDown,
            Self::PanDown => Self::PanUp,
            Self::ZoomIn => Self::ZoomOut,
            Self::ZoomOut => Self::ZoomIn,
            Self::RollLeft => Self::RollRight,
            Self::RollRight => Self::RollLeft,
            Self::Still | Self::Shake => self,
        }
    }

    /// The class of the same frames with left and right exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self.axis() {
            Axis::Across | Axis::Angle => self.reversed(),
            _ => self,
        }
    }

    pub(super) const fn axis(self) -> Axis {
        match self {
            Self::MoveLeft | Self::MoveRight | Self::PanLeft | Self::PanRight => Axis::Across,
            Self::MoveUp | Self::MoveDown | Self::PanUp | Self::PanDown => Axis::Down,
            Self::Grow | Self::Shrink | Self::ZoomIn | Self::ZoomOut => Axis::Scale,
            Self::TurnClockwise | Self::TurnAnticlockwise | Self::RollLeft | Self::RollRight => Axis::Angle,
            Self::Approach | Self::Part => Axis::Distance,
            Self::Shake => Axis::Tremor,
            Self::Still => Axis::Nothing,
        }
    }

    /// Whether it runs against its axis: its frames are those of the reversal, last first.
    pub(super) const fn is_backward(self) -> bool {
        matches!(
            self,
            Self::MoveLeft
                | Self::MoveUp
                | Self::Shrink
                | Self::TurnAnticlockwise
                | Self::Approach
                | Self::PanLeft
                | Self::PanUp
                | Self::ZoomOut
                | Self::RollLeft
        )
    }
}

impl fmt::Display for Motion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
