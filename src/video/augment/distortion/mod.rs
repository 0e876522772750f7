//! RandAugment for clips, as scenic has it, oddities included (spec §8.6).
//!
//! In f32, one rounding an operation, in the order that TensorFlow computes in: the bytes are the authors'.

mod arguments;
mod blend;
mod cutout;
mod saturation;
mod sharpness;
mod tables;

use serde::{Deserialize, Serialize};

use super::RandomStream;
use super::frames::RgbFrames;
use arguments::Arguments;

#[cfg(test)]
pub(super) use {saturation::grey, sharpness::smoothed};

/// A few random operations, one after the other, on the bytes of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RandAugment {
    /// How many operations.
    pub layers: usize,
    /// How strong they are. 10 is the scale's end in its paper; scenic's configurations go beyond it.
    pub magnitude: u32,
    /// Where scenic's operations are not what their names say.
    #[serde(default)]
    pub oddities: Oddities,
}

impl RandAugment {
    /// As scenic has it.
    pub const fn new(layers: usize, magnitude: u32) -> Self {
        Self { layers, magnitude, oddities: Oddities::ALL }
    }

    /// Where the operations are not what their names say.
    #[must_use]
    pub const fn oddities(self, oddities: Oddities) -> Self {
        Self { oddities, ..self }
    }

    /// The operations for one clip of `size` = [Y, X] pixels.
    pub(super) fn draw(&self, size: [usize; 2], random: &mut RandomStream) -> Vec<Distortion> {
        let mut drawn = Vec::new();
        for _ in 0..self.layers {
            let mut distortion = Distortion::ALL[random.below(Distortion::ALL.len())];
            if let Distortion::Cutout { centre } = &mut distortion {
                *centre = size.map(|side| random.below(side));
            }
            if !self.oddities.always_applied {
                let probability = random.between(0.2, 0.8);
                if !random.chance(probability) {
                    distortion = Distortion::Identity;
                }
            }
            drawn.push(distortion);
        }
        drawn
    }

    /// Changes all frames by one operation.
    pub(super) fn distort(&self, frames: &mut RgbFrames, distortion: Distortion) {
        let (arguments, oddities) = (Arguments::of(self.magnitude), &self.oddities);
        match distortion {
            Distortion::AutoContrast => tables::auto_contrast(frames),
            Distortion::Equalize => tables::equalize(frames),
            Distortion::Invert => tables::invert(frames),
            Distortion::Posterize => tables::posterize(frames, arguments.bits(oddities)),
            Distortion::Solarize => tables::solarize(frames, arguments.threshold(oddities)),
            Distortion::Colour => saturation::saturate(frames, arguments.factor(), oddities),
            Distortion::Contrast => tables::contrast(frames, arguments.factor(), oddities),
            Distortion::Brightness => tables::brighten(frames, arguments.factor()),
            Distortion::Sharpness => sharpness::sharpen(frames, arguments.factor(), oddities),
            Distortion::Cutout { centre } => cutout::cut_out(frames, centre, arguments.reach(), oddities),
            Distortion::SolarizeAdd => tables::solarize_add(frames, arguments.addition()),
            Distortion::Identity => {}
        }
    }
}

/// An operation of RandAugment, with what is drawn for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Distortion {
    /// Each plane is stretched to 0 … 255.
    AutoContrast,
    /// Each plane is spread so that its bytes are about equally frequent.
    Equalize,
    /// 255 − x.
    Invert,
    /// The low bits of each byte are cleared.
    Posterize,
    /// What is not below a threshold is inverted.
    Solarize,
    /// Away from grey.
    Colour,
    /// Away from a constant.
    Contrast,
    /// Away from black.
    Brightness,
    /// Away from the smoothed picture.
    Sharpness,
    /// A square is filled, the same in all frames.
    Cutout {
        /// Its centre [y, x].
        centre: [usize; 2],
    },
    /// What is below 128 gets brighter.
    SolarizeAdd,
    /// Nothing.
    Identity,
}

impl Distortion {
    /// The twelve among which one is drawn, by scenic's numbers.
    pub const ALL: [Self; 12] = [
        Self::AutoContrast,
        Self::Equalize,
        Self::Invert,
        Self::Posterize,
        Self::Solarize,
        Self::Colour,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::Cutout { centre: [0, 0] },
        Self::SolarizeAdd,
        Self::Identity,
    ];
}

/// Where scenic's operations are not what their names say. The released models were trained with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Oddities {
    /// Solarize: a threshold above 255 loses its multiples of 256, so that magnitude 15 solarises at 128 and magnitude 20
    /// inverts the clip. Otherwise such a threshold changes nothing.
    pub wrapped_threshold: bool,
    /// Posterize: 0 bits and more than 8 keep one bit. Otherwise they keep none and all.
    pub wrapped_bits: bool,
    /// Sharpness: the clip is one tall picture, whose frames' first and last rows meet. Otherwise the edge of each frame
    /// stays as it is.
    pub joined_frames: bool,
    /// Contrast: away from the number of pixels / 256, which is white for all but tiny clips. Otherwise away from the mean
    /// grey.
    pub contrast_by_count: bool,
    /// Colour: grey is truncated from 255.5 times its part of white. Otherwise it is rounded.
    pub stretched_grey: bool,
    /// Cutout: the square is black. Otherwise it is grey, 128, as in pictures.
    pub black_cutout: bool,
    /// Every operation is applied. Otherwise with a probability of its own, drawn from 0.2 … 0.8.
    pub always_applied: bool,
}

impl Default for Oddities {
    fn default() -> Self {
        Self::ALL
    }
}

impl Oddities {
    /// All of them.
    pub const ALL: Self = Self::every(true);

    /// None of them: operations are what their names say.
    pub const NONE: Self = Self::every(false);

    const fn every(on: bool) -> Self {
        Self {
            wrapped_threshold: on,
            wrapped_bits: on,
            joined_frames: on,
            contrast_by_count: on,
            stretched_grey: on,
            black_cutout: on,
            always_applied: on,
        }
    }
}
