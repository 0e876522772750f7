//! How the clips were taken that a model has learnt from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};
use crate::video::{Preprocessing, Preset};

/// How clips were taken from videos while a model learnt. Clips that it is shown later are taken alike unless their user says
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LearntClips {
    /// What the shorter side of a frame was resized to, in pixels, before a part of the model's size was cut out.
    pub short_edge: usize,
    /// Distance of neighbouring frames in the video; `None` where clips were spread over whole videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
}

impl LearntClips {
    /// Of frames whose shorter side had `short_edge` pixels, every `stride`-th of the video.
    pub fn new(short_edge: usize, stride: impl Into<Option<usize>>) -> Self {
        Self { short_edge, stride: stride.into() }
    }

    /// An error for clips that cannot be.
    pub(super) fn check(&self) -> Result<()> {
        match (self.short_edge, self.stride) {
            (0, _) => Err(Error::file("clips.short_edge is 0, but frames have at least 1 pixel")),
            (_, Some(0)) => Err(Error::file("clips.stride is 0, but neighbouring frames are at least 1 apart")),
            _ => Ok(()),
        }
    }

    /// The same part of the picture, for a model whose larger side goes `from` so many pixels `to` others.
    pub(super) fn enlarged(self, from: usize, to: usize) -> Self {
        Self { short_edge: (self.short_edge.saturating_mul(to) / from.max(1)).max(1), ..self }
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
        match self.stride {
            Some(1) => f.write_str("every frame"),
            Some(stride) => write!(f, "one frame of {stride}"),
            None => f.write_str("spread over whole videos"),
        }
    }
}
