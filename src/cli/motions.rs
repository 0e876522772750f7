//! Clips that the program makes, in the place of a manifest.

use std::path::PathBuf;

use clap::ValueHint;
use tubelet::motions::{FrameOrder, MotionOptions, MotionSet, Motions, Split};
use tubelet::tensor::Result;

use super::arguments::{at_least_one, sides};
use super::known::known;

/// Their heading in the help.
const MOTIONS: &str = "Clips that the program makes";

/// Which clips the program makes, where it does.
#[derive(Clone, clap::Args)]
pub(super) struct MotionArguments {
    /// Make clips of motions instead of reading those of MANIFEST: shapes, dots, camera, or several parted by commas, as of
    /// `tubelet make-motions`, but computed as they are asked for.
    #[arg(long, value_name = "SETS", value_delimiter = ',', conflicts_with = "manifest",
        value_parser = known::<MotionSet>(MotionSet::ALL.iter().map(|set| set.name())), hide_possible_values = true,
        help_heading = MOTIONS)]
    motions: Vec<MotionSet>,
    /// Clips of each class of each set.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one, requires = "motions", conflicts_with = "manifest",
        help_heading = MOTIONS, hide_short_help = true)]
    motion_clips: usize,
    /// Frames of a clip, instead of as many as the model's span.
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "motions", conflicts_with = "manifest", help_heading = MOTIONS,
        hide_short_help = true)]
    motion_frames: Option<usize>,
    /// Sides of a frame in pixels, 48 or 48x64 (rows x columns), instead of the model's.
    #[arg(long, value_name = "SIZE", value_parser = sides, requires = "motions", conflicts_with = "manifest", help_heading = MOTIONS,
        hide_short_help = true)]
    motion_size: Option<[usize; 2]>,
    /// Decides everything that is random about the clips.
    #[arg(long, value_name = "N", default_value = "0", requires = "motions", conflicts_with = "manifest", help_heading = MOTIONS,
        hide_short_help = true)]
    motion_seed: u64,
    /// whole, single (the frame in the middle, again and again) or shuffled: without their order a model can hardly tell
    /// motions.
    #[arg(long, value_name = "ORDER", default_value_t, requires = "motions", conflicts_with = "manifest",
        value_parser = known::<FrameOrder>(FrameOrder::ALL.iter().map(|order| order.name())), hide_possible_values = true,
        help_heading = MOTIONS, hide_short_help = true)]
    motion_order: FrameOrder,
    /// With the set camera: move over the photographs in a folder, instead of textures.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "motions", conflicts_with = "manifest", help_heading = MOTIONS,
        hide_short_help = true)]
    photographs: Option<PathBuf>,
}

impl MotionArguments {
    /// Whether there are to be any.
    pub(super) fn is_given(&self) -> bool {
        !self.motions.is_empty()
    }

    /// How many clips of each class of each set.
    pub(super) fn clips(&self) -> usize {
        self.motion_clips
    }

    /// The names of the classes, in the order of their labels.
    pub(super) fn classes(&self) -> Vec<String> {
        let options = MotionOptions::new(self.motions.as_slice());
        options.classes().iter().map(|motion| motion.name().to_owned()).collect()
    }

    /// Which they are, for a model that spans `frames` frames of `size` = [Y, X] pixels: such as `motions shapes,camera of seed
    /// 3, 200 clips of each class, 16 frames of 48x48 pixels`.
    pub(super) fn described(&self, frames: usize, size: [usize; 2]) -> String {
        let sets = self.motions.iter().map(|set| set.name()).collect::<Vec<_>>().join(",");
        let [rows, columns] = self.motion_size.unwrap_or(size);
        let Self { motion_seed: seed, motion_clips: clips, .. } = self;
        let frames = self.motion_frames.unwrap_or(frames);
        let mut described = format!(
            "motions {sets} of seed {seed}, {clips} clips of each class of each set, {frames} frames of {rows}x{columns} pixels"
        );
        if self.motion_order != FrameOrder::Whole {
            described += &format!(", {}", self.motion_order);
        }
        if let Some(folder) = &self.photographs {
            described += &format!(", over the photographs in {}", folder.display());
        }
        described
    }

    /// `clips` clips of each class of each set, for a model that spans `frames` frames of `size` = [Y, X] pixels.
    pub(super) fn made(&self, split: Split, clips: usize, frames: usize, size: [usize; 2]) -> Result<Motions> {
        let options = MotionOptions::new(self.motions.as_slice())
            .split(split)
            .clips(clips)
            .frames(self.motion_frames.unwrap_or(frames))
            .size(self.motion_size.unwrap_or(size))
            .seed(self.motion_seed)
            .order(self.motion_order)
            .photographs(self.photographs.clone());
        Motions::new(options)
    }
}
