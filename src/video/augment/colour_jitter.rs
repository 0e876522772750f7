//! Jitter of brightness, saturation, contrast and hue, as DMVR has it (spec §6.2).
//!
//! In the domain [0, 1], without a clip between the stages: later ones meet values below 0 and above 1.

use serde::{Deserialize, Serialize};

use super::RandomStream;
use super::frames::PLANES;

/// How strongly colours are changed. Every frame of a clip is changed alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ColourJitter {
    /// How likely the four changes are, all together.
    pub probability: f64,
    /// What is added, at most, to either side; white is 1.
    pub brightness: f64,
    /// The smallest and the largest factor of the saturation.
    pub saturation: [f64; 2],
    /// The smallest and the largest factor of the contrast.
    pub contrast: [f64; 2],
    /// The shift of the hue, at most, to either side; the hue circle is 1.
    pub hue: f64,
    /// How likely it is, independently, that a clip loses its colours.
    pub grey: f64,
}

/// The values of scenic's configurations.
impl Default for ColourJitter {
    fn default() -> Self {
        Self {
            probability: 0.8,
            brightness: 32.0 / 255.0,
            saturation: [0.6, 1.4],
            contrast: [0.6, 1.4],
            hue: 0.2,
            grey: 0.1,
        }
    }
}

impl ColourJitter {
    /// How likely the four changes are.
    #[must_use]
    pub const fn probability(self, probability: f64) -> Self {
        Self { probability, ..self }
    }

    /// How likely it is that a clip loses its colours.
    #[must_use]
    pub const fn grey(self, grey: f64) -> Self {
        Self { grey, ..self }
    }

    /// The four changes, or none, and whether the clip becomes grey.
    pub(super) fn draw(&self, random: &mut RandomStream) -> (Option<DrawnColour>, bool) {
        let changed = random.chance(self.probability);
        let drawn = DrawnColour {
            brightness: random.between(-self.brightness, self.brightness) as f32,
            saturation: random.between(self.saturation[0], self.saturation[1]) as f32,
            contrast: random.between(self.contrast[0], self.contrast[1]) as f32,
            hue: random.between(-self.hue, self.hue) as f32,
        };
        (changed.then_some(drawn), random.chance(self.grey))
    }
}

/// How the colours of one clip are changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DrawnColour {
    /// What is added.
    pub brightness: f32,
    /// The factor of the saturation.
    pub saturation: f32,
    /// The factor of what differs from the mean.
    pub contrast: f32,
    /// The shift of the hue; the hue circle is 1.
    pub hue: f32,
}

impl DrawnColour {
    /// No change.
    pub const NONE: Self = Self { brightness: 0.0, saturation: 1.0, contrast: 1.0, hue: 0.0 };

    /// Changes values `[F, Y, X, 3]` of frames of `pixels` pixels, in [-1, 1] where `zero_centred`, else in [0, 1].
    pub(super) fn change(&self, values: &mut [f32], pixels: usize, zero_centred: bool) {
        if zero_centred {
            values.iter_mut().for_each(|value| *value = *value * 0.5 + 0.5);
        }
        brighten(values, self.brightness);
        saturate(values, self.saturation);
        stretch(values, pixels, self.contrast);
        turn_hue(values, self.hue);
        values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        if zero_centred {
            values.iter_mut().for_each(|value| *value = *value * 2.0 - 1.0);
        }
    }
}

/// Replaces each pixel by its grey, in whatever domain the values are.
pub(super) fn to_grey(values: &mut [f32]) {
    for pixel in values.as_chunks_mut::<PLANES>().0 {
        let [red, green, blue] = *pixel;
        *pixel = [red * RED + green * GREEN + blue * BLUE; PLANES];
    }
}

/// TensorFlow's shares of the planes in grey.
pub(super) const RED: f32 = 0.2989;
pub(super) const GREEN: f32 = 0.587;
pub(super) const BLUE: f32 = 0.114;

pub(super) fn brighten(values: &mut [f32], delta: f32) {
    values.iter_mut().for_each(|value| *value += delta);
}

/// Multiplies the saturation of HSV, held to [0, 1]. A pixel without a positive plane becomes grey.
pub(super) fn saturate(values: &mut [f32], factor: f32) {
    for pixel in values.as_chunks_mut::<PLANES>().0 {
        let colour = HueAndEnds::of(*pixel);
        let saturation = if colour.largest > 0.0 { (colour.largest - colour.smallest) / colour.largest } else { 0.0 };
        let saturation = (saturation * factor).clamp(0.0, 1.0);
        *pixel = HueAndEnds { smallest: colour.largest - colour.largest * saturation, ..colour }.pixel();
    }
}

/// Multiplies what differs from the mean of its plane over the frame.
pub(super) fn stretch(values: &mut [f32], pixels: usize, factor: f32) {
    for frame in values.as_chunks_mut::<PLANES>().0.chunks_exact_mut(pixels) {
        let mut sums = [0.0; PLANES];
        for pixel in frame.iter() {
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let means = sums.map(|sum| (sum / pixels as f64) as f32);
        for pixel in frame {
            pixel.iter_mut().zip(means).for_each(|(value, mean)| *value = (*value - mean) * factor + mean);
        }
    }
}

/// Turns the hue by a part of its circle; a pixel's largest and smallest value stay, also where they are negative.
pub(super) fn turn_hue(values: &mut [f32], turn: f32) {
    for pixel in values.as_chunks_mut::<PLANES>().0 {
        let colour = HueAndEnds::of(*pixel);
        *pixel = HueAndEnds { hue: (colour.hue + turn * SECTORS).rem_euclid(SECTORS), ..colour }.pixel();
    }
}

/// Sectors of the hue circle: in each, one plane is the largest and one the smallest.
const SECTORS: f32 = 6.0;

/// A pixel as its hue, from 0 to [`SECTORS`], and the values that its planes lie between.
#[derive(Clone, Copy)]
struct HueAndEnds {
    hue: f32,
    largest: f32,
    smallest: f32,
}

impl HueAndEnds {
    fn of([red, green, blue]: [f32; PLANES]) -> Self {
        let (largest, smallest) = (red.max(green).max(blue), red.min(green).min(blue));
        let range = largest - smallest;
        let hue = if range <= 0.0 {
            0.0
        } else if red == largest {
            (green - blue) / range
        } else if green == largest {
            (blue - red) / range + 2.0
        } else {
            (red - green) / range + 4.0
        };
        Self { hue: if hue < 0.0 { hue + SECTORS } else { hue }, largest, smallest }
    }

    fn pixel(self) -> [f32; PLANES] {
        let Self { hue, largest, smallest } = self;
        let middle = smallest + (largest - smallest) * (1.0 - (hue % 2.0 - 1.0).abs());
        match hue as u32 {
            0 => [largest, middle, smallest],
            1 => [middle, largest, smallest],
            2 => [smallest, largest, middle],
            3 => [smallest, middle, largest],
            4 => [middle, smallest, largest],
            _ => [largest, smallest, middle],
        }
    }
}
