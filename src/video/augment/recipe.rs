//! What is done to clips while a model learns, as plain data.

use serde::{Deserialize, Serialize};

use super::{ColourJitter, RandAugment, ScaleJitter};
use crate::tensor::{Error, Result};

/// What is done to the clips of a training, in scenic's order: frames, short side, scale, crop, flip, RandAugment, values,
/// colour jitter; then, to a batch, mixup and label smoothing (spec §6.1, §6.2, §8.5, §8.6).
///
/// What is not mentioned is not done: by [`Augmentation::default`], clips of 32 frames are cut out at random places and
/// changed in no other way. [`ReleasedAugmentation`](super::ReleasedAugmentation) has those of the released models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Augmentation {
    /// F, frames of a clip.
    pub frames: usize,
    /// Distance of neighbouring frames in the video.
    pub stride: usize,
    /// Pixels of the shorter side of a frame before anything else.
    pub short_edge: usize,
    /// [Y, X] of the part that the model sees.
    pub crop: [usize; 2],
    /// How likely it is that a clip is mirrored. scenic mirrors Something-Something too, whose labels tell left from right.
    pub flip: f64,
    /// Whether values are in [-1, 1], as all released models have it, or in [0, 1].
    pub zero_centred: bool,
    /// Share of the labels that is spread over all classes.
    pub label_smoothing: f64,
    /// α of the Beta distribution that shares of mixed clips are drawn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<f64>,
    /// Random factors of height and width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_jitter: Option<ScaleJitter>,
    /// Random operations on bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
    /// Random changes of colours; not together with RandAugment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour_jitter: Option<ColourJitter>,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            frames: 32,
            stride: 2,
            short_edge: 256,
            crop: [224, 224],
            flip: 0.0,
            zero_centred: true,
            label_smoothing: 0.0,
            mixup: None,
            scale_jitter: None,
            rand_augment: None,
            colour_jitter: None,
        }
    }
}

impl Augmentation {
    /// F, frames of a clip.
    #[must_use]
    pub fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// Distance of neighbouring frames in the video.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Pixels of the shorter side of a frame before anything else.
    #[must_use]
    pub fn short_edge(self, short_edge: usize) -> Self {
        Self { short_edge, ..self }
    }

    /// [Y, X] of the part that the model sees.
    #[must_use]
    pub fn crop(self, crop: [usize; 2]) -> Self {
        Self { crop, ..self }
    }

    /// How likely it is that a clip is mirrored.
    #[must_use]
    pub fn flip(self, flip: f64) -> Self {
        Self { flip, ..self }
    }

    /// Whether values are in [-1, 1], or in [0, 1].
    #[must_use]
    pub fn zero_centred(self, zero_centred: bool) -> Self {
        Self { zero_centred, ..self }
    }

    /// Share of the labels that is spread over all classes.
    #[must_use]
    pub fn label_smoothing(self, label_smoothing: f64) -> Self {
        Self { label_smoothing, ..self }
    }

    /// α of the Beta distribution that shares of mixed clips are drawn from.
    #[must_use]
    pub fn mixup(self, alpha: impl Into<Option<f64>>) -> Self {
        Self { mixup: alpha.into(), ..self }
    }

    /// Random factors of height and width.
    #[must_use]
    pub fn scale_jitter(self, scale_jitter: impl Into<Option<ScaleJitter>>) -> Self {
        Self { scale_jitter: scale_jitter.into(), ..self }
    }

    /// Random operations on bytes.
    #[must_use]
    pub fn rand_augment(self, rand_augment: impl Into<Option<RandAugment>>) -> Self {
        Self { rand_augment: rand_augment.into(), ..self }
    }

    /// Random changes of colours.
    #[must_use]
    pub fn colour_jitter(self, colour_jitter: impl Into<Option<ColourJitter>>) -> Self {
        Self { colour_jitter: colour_jitter.into(), ..self }
    }

    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where it cannot be done: a clip without frames or pixels, a
    /// probability outside 0 … 1, a range that is none, a crop that may not fit, RandAugment together with colour jitter.
    pub fn validate(&self) -> Result<()> {
        if self.frames == 0 || self.stride == 0 || self.crop.contains(&0) || self.short_edge == 0 {
            return Err(Error::usage("augmented clips need frames, a stride, a short side and a crop of at least 1"));
        }
        let colour = self.colour_jitter.unwrap_or_default();
        let likely = [
            ("flip", self.flip),
            ("scale_jitter.probability", self.scale_jitter.map_or(0.0, |jitter| jitter.probability)),
            ("colour_jitter.probability", colour.probability),
            ("colour_jitter.grey", colour.grey),
            ("label_smoothing", self.label_smoothing),
        ];
        if let Some((name, value)) = likely.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(Error::usage(format!("`{name}` of an augmentation is {value}; it must be from 0 to 1")));
        }
        if let Some(alpha) = self.mixup.filter(|alpha| !(alpha.is_finite() && *alpha > 0.0)) {
            return Err(Error::usage(format!(
                "`mixup` of an augmentation is {alpha}; it must be above 0, or left out"
            )));
        }
        if self.rand_augment.is_some() && self.colour_jitter.is_some() {
            return Err(Error::usage("colours are changed by RandAugment or by colour jitter, not by both; drop one"));
        }
        self.check_ranges(&colour)?;
        self.check_crop()
    }

    fn check_ranges(&self, colour: &ColourJitter) -> Result<()> {
        let scale = self.scale_jitter.map_or([1.0, 1.0], |jitter| [jitter.least, jitter.most]);
        let ranges = [
            ("scale_jitter", scale),
            ("colour_jitter.brightness", [0.0, colour.brightness]),
            ("colour_jitter.saturation", colour.saturation),
            ("colour_jitter.contrast", colour.contrast),
            ("colour_jitter.hue", [0.0, colour.hue]),
        ];
        let is_range = |[least, most]: [f64; 2]| least >= 0.0 && most >= least && most.is_finite();
        match ranges.into_iter().find(|(_, range)| !is_range(*range)) {
            Some((name, [least, most])) => Err(Error::usage(format!(
                "`{name}` of an augmentation reaches from {least} to {most}; it must be a range of numbers from 0 on"
            ))),
            None => Ok(()),
        }
    }

    /// Both sides of every frame have at least the short side's pixels, before they are scaled.
    fn check_crop(&self) -> Result<()> {
        let smallest = match self.scale_jitter {
            Some(jitter) if jitter.probability > 0.0 => jitter.least.min(1.0) as f32 * self.short_edge as f32,
            _ => self.short_edge as f32,
        } as usize;
        let [rows, columns] = self.crop;
        if rows.max(columns) <= smallest {
            return Ok(());
        }
        Err(Error::usage(format!(
            "a crop of {rows}x{columns} pixels (height x width) may not fit: the shorter side of a frame has {} pixels, and \
             {smallest} after scaling; crop less or ask for a larger short edge",
            self.short_edge
        )))
    }
}
