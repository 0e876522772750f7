//! How the clips were taken that a model has learnt from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};
use crate::video::{LARGEST_SIDE, Preprocessing, Preset, Sampling};
use crate::vivit::Config;

/// How clips were taken from videos while a model learnt. Clips that it is shown later are taken alike unless their user says
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LearntClips {
    /// What the shorter side of a frame was resized to, in pixels, before a part of the model's size was cut out.
    pub short_edge: usize,
    /// Distance of neighbouring frames in the video.
    pub stride: usize,
    /// Whether single clips were spread over their whole videos, whatever the stride.
    #[serde(default)]
    pub spread: bool,
}

impl LearntClips {
    /// Of frames whose shorter side had `short_edge` pixels, every `stride`-th of the video.
    pub fn new(short_edge: usize, stride: usize) -> Self {
        Self { short_edge, stride, spread: false }
    }

    /// Whether single clips were spread over their whole videos.
    #[must_use]
    pub fn spread(self, spread: bool) -> Self {
        Self { spread, ..self }
    }

    /// An error for clips that a model of this configuration cannot have learnt from.
    pub(super) fn check(&self, config: &Config) -> Result<()> {
        let Self { short_edge, stride, .. } = *self;
        let least = config.rows.min(config.columns);
        if !(least..=LARGEST_SIDE).contains(&short_edge) {
            return Err(Error::file(format!(
                "learnt_clips.short_edge is {short_edge}, but must be from {least}, the model's shorter side, to {LARGEST_SIDE}"
            )));
        }
        match stride {
            0 => Err(Error::file("learnt_clips.stride is 0, but neighbouring frames are at least 1 apart")),
            _ => Ok(()),
        }
    }

    /// The same part of the picture, for a model whose larger side goes `from` so many pixels `to` others.
    pub(super) fn enlarged(self, from: usize, to: usize) -> Self {
        Self { short_edge: (self.short_edge.saturating_mul(to) / from.max(1)).max(1), ..self }
    }

    /// How a clip of `frames` frames is taken from a video.
    pub(crate) fn sampling(&self, frames: usize) -> Sampling {
        match self.spread {
            false => Sampling::Central { frames, stride: self.stride },
            true => Sampling::Uniform { frames },
        }
    }

    /// `preset` for frames that are cut to `crop` = [Y, X] pixels.
    pub(crate) fn preprocessing(&self, preset: Preset, crop: [usize; 2]) -> Result<Preprocessing> {
        preset.preprocessing_from(self.short_edge, crop)
    }
}

/// Such as `short edge 256, one frame of 2`.
impl fmt::Display for LearntClips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "short edge {}, ", self.short_edge)?;
        match (self.spread, self.stride) {
            (true, _) => f.write_str("spread over whole videos"),
            (false, 1) => f.write_str("every frame"),
            (false, stride) => write!(f, "one frame of {stride}"),
        }
    }
}
