//! Which clips are made.

use std::path::PathBuf;
use std::{fmt, str::FromStr};

use super::drawing::FrameSize;
use super::motion::{Motion, MotionSet};
use super::random::Random;
use crate::tensor::{Error, Result};

/// What clips are for. Those of two splits have no texture, no photograph and no path in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Split {
    /// To learn from.
    Training,
    /// To see what was learnt.
    Validation,
}

impl Split {
    /// As files and folders are called: `train`, `validation`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Validation => "validation",
        }
    }
}

/// Which frames of a motion a clip shows, and in which order. A model that needs motion knows no more than by chance where
/// their order is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameOrder {
    /// All, as they follow each other.
    #[default]
    Whole,
    /// The one in the middle, again and again.
    Single,
    /// All, in an order that is drawn for each clip.
    Shuffled,
}

impl FrameOrder {
    /// Every order.
    pub const ALL: &'static [Self] = &[Self::Whole, Self::Single, Self::Shuffled];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Single => "single",
            Self::Shuffled => "shuffled",
        }
    }

    /// Which of `frames` frames are shown, one after the other; what is drawn belongs to `seed` and `key`.
    pub(super) fn indices(self, frames: usize, seed: u64, key: &[u64]) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..frames).collect();
        match self {
            Self::Whole => {}
            Self::Single => indices.fill(frames / 2),
            Self::Shuffled => Random::new(seed, key).shuffle(&mut indices),
        }
        indices
    }
}

impl fmt::Display for FrameOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FrameOrder {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|order| order.name() == name).ok_or_else(|| {
            let names = Self::ALL.iter().map(|order| order.name()).collect::<Vec<_>>().join(", ");
            Error::usage(format!("no order of frames is called \"{name}\"; there are {names}"))
        })
    }
}

/// Which clips.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MotionOptions {
    /// Which kinds, one after the other.
    pub sets: Vec<MotionSet>,
    /// What they are for.
    pub split: Split,
    /// How many of each class of each set.
    pub clips: usize,
    /// Frames of a clip, F.
    pub frames: usize,
    /// Rows and columns of a frame, [Y, X].
    pub size: [usize; 2],
    /// Decides everything that is random.
    pub seed: u64,
    /// A folder of photographs, for a camera to move over instead of textures.
    pub photographs: Option<PathBuf>,
    /// Which frames are shown, and in which order.
    pub order: FrameOrder,
}

impl MotionOptions {
    /// Of one set, or of several (`[MotionSet::Shapes, MotionSet::Camera]`): 100 clips of each class to learn from, of 32
    /// frames of 64×64 pixels.
    pub fn new(sets: impl Into<Vec<MotionSet>>) -> Self {
        Self {
            sets: sets.into(),
            split: Split::Training,
            clips: 100,
            frames: 32,
            size: [64, 64],
            seed: 0,
            photographs: None,
            order: FrameOrder::Whole,
        }
    }

    /// The classes in the order of their labels: those of each set in turn. A motion of two sets, such as of shapes and of
    /// dots, is one class.
    pub fn classes(&self) -> Vec<Motion> {
        let mut classes = Vec::new();
        for motion in self.sets.iter().flat_map(|set| set.motions()) {
            if !classes.contains(motion) {
                classes.push(*motion);
            }
        }
        classes
    }

    /// What they are for.
    #[must_use]
    pub fn split(self, split: Split) -> Self {
        Self { split, ..self }
    }

    /// How many of each class of each set.
    #[must_use]
    pub fn clips(self, clips: usize) -> Self {
        Self { clips, ..self }
    }

    /// Frames of a clip.
    #[must_use]
    pub fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// Rows and columns of a frame.
    #[must_use]
    pub fn size(self, size: [usize; 2]) -> Self {
        Self { size, ..self }
    }

    /// Decides everything that is random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// A folder of photographs.
    #[must_use]
    pub fn photographs(self, photographs: Option<PathBuf>) -> Self {
        Self { photographs, ..self }
    }

    /// Which frames are shown, and in which order.
    #[must_use]
    pub fn order(self, order: FrameOrder) -> Self {
        Self { order, ..self }
    }

    pub(super) fn frame_size(&self) -> FrameSize {
        let [rows, columns] = self.size;
        FrameSize { rows, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_drawn_evenly() {
        let of = |clip: u64| FrameOrder::Shuffled.indices(4, 7, &[clip]);
        assert_eq!(of(3), of(3));
        let mut counts = [[0; 4]; 4];
        for clip in 0..400 {
            let order = of(clip);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            order.iter().enumerate().for_each(|(position, frame)| counts[position][*frame] += 1);
        }
        // By chance 100, give or take 9.
        assert!(counts.iter().flatten().all(|count| (60..=140).contains(count)), "{counts:?}");
        let [first, other_seed, other_clip] =
            [(7, 0), (8, 0), (7, 1)].map(|(seed, clip)| FrameOrder::Shuffled.indices(16, seed, &[clip]));
        assert!(first != other_seed && first != other_clip);
        assert_eq!(FrameOrder::Single.indices(5, 7, &[0]), [2; 5]);
        assert_eq!(FrameOrder::Whole.indices(3, 7, &[0]), [0, 1, 2]);
    }

    #[test]
    fn orders_have_names() {
        for order in FrameOrder::ALL {
            assert_eq!(order.name().parse::<FrameOrder>().unwrap(), *order);
        }
        let error = "reversed".parse::<FrameOrder>().unwrap_err().to_string();
        assert!(error.contains("whole, single, shuffled"), "{error}");
    }
}
