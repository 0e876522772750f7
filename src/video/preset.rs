//! From frames to the values a model was trained on: resize, crop, scale.
//!
//! Callers choose in this order: a preset that was asked for, the model's own preprocessor file
//! ([`Preprocessing::from_hugging_face`]), the default of the model's family.

use std::{fmt, str::FromStr};

use super::{
    crop::{CropWindow, Extent},
    resample::Resampling,
};
use crate::tensor::{Error, Result};

/// A named way of preparing frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// As scenic trained the models: TensorFlow's bilinear, values in [-1, 1].
    Scenic,
    /// Hugging Face's antialiased resizing, with the values in [-1, 1] that the models were trained on.
    HfCorrected,
    /// Hugging Face's processor with its defaults, which normalises twice: values in [-3, 1].
    HfDefault,
}

impl Preset {
    /// Every preset.
    pub const ALL: &'static [Self] = &[Self::Scenic, Self::HfCorrected, Self::HfDefault];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scenic => "scenic",
            Self::HfCorrected => "hf_corrected",
            Self::HfDefault => "hf_default",
        }
    }

    /// The preset for a model that takes `crop` = [Y, X] pixels.
    ///
    /// The short edge becomes ⌊256·S/224⌋ for the larger side S of the crop: 256 for 224.
    pub fn preprocessing(self, crop: [usize; 2]) -> Result<Preprocessing> {
        self.preprocessing_from(crop[0].max(crop[1]).saturating_mul(256) / 224, crop)
    }

    /// The same for a model that has learnt from frames of another short edge.
    pub(crate) fn preprocessing_from(self, short_edge: usize, crop: [usize; 2]) -> Result<Preprocessing> {
        let resample = match self {
            Self::Scenic => Resampling::TensorFlowBilinear,
            Self::HfCorrected | Self::HfDefault => Resampling::PILLOW_BILINEAR,
        };
        let values = match self {
            Self::Scenic => Values { scale: 2.0 / 255.0, ..Values::ZERO_CENTRED },
            Self::HfCorrected => Values::ZERO_CENTRED,
            Self::HfDefault => Values { normalise: Some(PlaneStatistics::HALVES), ..Values::ZERO_CENTRED },
        };
        Preprocessing::new(Some(Resize::ShortEdge(short_edge)), Some(crop), resample, values)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|preset| preset.name() == name.replace('-', "_")).ok_or_else(|| {
            let names = Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
            Error::usage(format!("no preset is called {name}; there are {names}"))
        })
    }
}

/// The size of a picture after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resize {
    /// The shorter side gets this many pixels; the longer one keeps the proportion, rounded down.
    ShortEdge(usize),
    /// As [`Resize::ShortEdge`], but where the longer side would get more than `longest` pixels, it gets these, and the
    /// shorter one keeps the proportion.
    ShortEdgeUpTo {
        /// The shorter side.
        shortest: usize,
        /// Most pixels of the longer side.
        longest: usize,
    },
    /// As large as fits [Y, X], in proportion.
    Within([usize; 2]),
    /// [Y, X], whatever the proportion.
    Exact([usize; 2]),
}

impl Resize {
    /// The size [Y, X] that a picture of [Y, X] pixels becomes; `None` where it overflows. Rounded as Hugging Face's
    /// processors do.
    fn resized(self, [height, width]: [usize; 2]) -> Option<[usize; 2]> {
        let short = height.min(width);
        match self {
            Self::Exact(size) => Some(size),
            Self::ShortEdge(edge) => {
                let longer = |side: usize| edge.checked_mul(side).map(|product| product / short);
                Some([longer(height)?, longer(width)?])
            }
            Self::ShortEdgeUpTo { shortest, longest } => {
                let long = height.max(width);
                if long as f64 / short as f64 * shortest as f64 <= longest as f64 {
                    return Self::ShortEdge(shortest).resized([height, width]);
                }
                let exact = longest as f64 * short as f64 / long as f64;
                let side = |side: usize| match side == short {
                    true => exact.round_ties_even() as usize,
                    false => (exact * long as f64 / short as f64) as usize,
                };
                Some([side(height), side(width)])
            }
            Self::Within([most_height, most_width]) => {
                let scale = (most_height as f64 / height as f64).min(most_width as f64 / width as f64);
                Some([height, width].map(|side| (side as f64 * scale) as usize))
            }
        }
    }

    /// Its numbers of pixels.
    fn sides(self) -> [usize; 2] {
        match self {
            Self::ShortEdge(side) => [side; 2],
            Self::ShortEdgeUpTo { shortest, longest } => [shortest, longest],
            Self::Within(sides) | Self::Exact(sides) => sides,
        }
    }
}

/// Which parts of a resized picture are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crops {
    /// The middle.
    #[default]
    Central,
    /// scenic's three test crops along the longer side.
    Three,
}

impl Crops {
    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::Central => 1,
            Self::Three => 3,
        }
    }
}

/// Mean and standard deviation of each colour plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneStatistics {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by.
    pub std: [f32; 3],
}

impl PlaneStatistics {
    /// Mean and standard deviation 0.5: what Hugging Face's processor assumes.
    pub const HALVES: Self = Self { mean: [0.5; 3], std: [0.5; 3] };
}

/// From a byte to a model's value: `byte·scale`, less 1 where `zero_centred`, then `(v − mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// Factor of the byte.
    pub scale: f64,
    /// Whether 1 is subtracted after scaling.
    pub zero_centred: bool,
    /// Mean and standard deviation, applied last.
    pub normalise: Option<PlaneStatistics>,
}

impl Values {
    /// `byte/127.5 − 1`: [-1, 1].
    pub const ZERO_CENTRED: Self = Self { scale: 1.0 / 127.5, zero_centred: true, normalise: None };

    /// The value of `byte` in plane `plane`: the product in f64, rounded once, the rest in f32. This order of
    /// rounding gives Hugging Face's values bit for bit.
    fn value(&self, plane: usize, byte: u8) -> f32 {
        let scaled = (f64::from(byte) * self.scale) as f32;
        let centred = if self.zero_centred { scaled - 1.0 } else { scaled };
        self.normalise.map_or(centred, |PlaneStatistics { mean, std }| (centred - mean[plane]) / std[plane])
    }
}

/// Sides of a resized frame: beyond this nobody means it, and no device holds a frame in one binding.
pub(crate) const LARGEST_SIDE: usize = 1 << 14;

/// How frames become a model's input, checked: resize, crop, then scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    resize: Option<Resize>,
    crop: Option<[usize; 2]>,
    resample: Resampling,
    values: Values,
    /// Whether the extra black pixel of an odd padding comes before the picture.
    extra_before: bool,
}

impl Preprocessing {
    /// Resizes if asked, cuts the middle `crop` = [Y, X] out if asked, and scales.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a side of 0, and for values that are not finite.
    pub fn new(resize: Option<Resize>, crop: Option<[usize; 2]>, resample: Resampling, values: Values) -> Result<Self> {
        let sides = resize.map_or([1; 2], Resize::sides);
        if sides.contains(&0) || crop.is_some_and(|crop| crop.contains(&0)) {
            return Err(Error::usage("preprocessing cannot resize or crop to 0 pixels; ask for at least 1"));
        }
        let extra_before = matches!(resample, Resampling::Pillow(_));
        let preprocessing = Self { resize, crop, resample, values, extra_before };
        if preprocessing.value_table().iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::usage(
                "preprocessing gives values that are not finite numbers; scale, mean and standard deviation must be finite, \
                 and the deviation not 0",
            ));
        }
        Ok(preprocessing)
    }

    /// The same, with the extra black pixel of an odd padding behind the picture, as torchvision has it.
    pub(super) fn with_extra_behind(self) -> Self {
        Self { extra_before: false, ..self }
    }

    /// The size that frames are brought to first.
    pub fn resize(&self) -> Option<Resize> {
        self.resize
    }

    /// The size [Y, X] that is cut out of the resized frame.
    pub fn crop(&self) -> Option<[usize; 2]> {
        self.crop
    }

    /// How resized pixels are computed.
    pub fn resample(&self) -> Resampling {
        self.resample
    }

    /// How bytes become values.
    pub fn values(&self) -> Values {
        self.values
    }

    /// The size [Y, X] of a frame of `height` × `width` pixels after resizing; both families round alike.
    #[doc(hidden)]
    pub fn resized_size(&self, [height, width]: [usize; 2]) -> Result<[usize; 2]> {
        if height == 0 || width == 0 {
            return Err(Error::usage(format!("a frame of {height}x{width} pixels (height x width) cannot be resized")));
        }
        let resized = self.resize.map_or(Some([height, width]), |resize| resize.resized([height, width]));
        let resized = resized
            .ok_or_else(|| Error::usage(format!("a frame of {height}x{width} pixels is too large to be resized")))?;
        match resized {
            [0, _] | [_, 0] => Err(Error::usage(format!(
                "a frame of {height}x{width} pixels (height x width) would be resized to nothing; ask for a larger size"
            ))),
            [rows, columns] if rows.max(columns) <= LARGEST_SIDE => Ok(resized),
            _ => Err(Error::usage(format!(
                "a frame of {height}x{width} pixels (height x width) would be resized to {}x{}; sides of up to \
                 {LARGEST_SIDE} are supported: ask for a smaller size",
                resized[0], resized[1]
            ))),
        }
    }

    /// The parts of a resized frame that `crops` means, in their order: [`Self::crop_window`] or
    /// [`Self::three_crop_windows`].
    pub(super) fn crop_windows(&self, resized: [usize; 2], crops: Crops) -> Result<Vec<CropWindow>> {
        match crops {
            Crops::Central => Ok(vec![self.crop_window(resized)]),
            Crops::Three => Ok(self.three_crop_windows(resized)?.to_vec()),
        }
    }

    /// The central part of a resized frame: offsets ⌊(Y − crop) / 2⌋, zero padding where it is smaller.
    #[doc(hidden)]
    pub fn crop_window(&self, [height, width]: [usize; 2]) -> CropWindow {
        let [rows, columns] = self.crop.unwrap_or([height, width]);
        CropWindow {
            rows: Extent::central(height, rows, self.extra_before),
            columns: Extent::central(width, columns, self.extra_before),
        }
    }

    /// scenic's three test crops of a resized frame, spread along its longer side (along the width of a square one):
    /// first, middle, last. The middle offset is rounded up, unlike the central crop's.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where the frame is smaller than the crop.
    fn three_crop_windows(&self, [height, width]: [usize; 2]) -> Result<[CropWindow; 3]> {
        let [rows, columns] = self.crop.unwrap_or([height, width]);
        let (Some(below), Some(right)) = (height.checked_sub(rows), width.checked_sub(columns)) else {
            return Err(Error::usage(format!(
                "three crops of {rows}x{columns} pixels (height x width) do not fit a frame of {height}x{width}"
            )));
        };
        let (top, left) = (below.div_ceil(2), right.div_ceil(2));
        let offsets = if height > width {
            [(0, left), (top, left), (below, left)]
        } else {
            [(top, 0), (top, left), (top, right)]
        };
        Ok(offsets.map(|(top, left)| CropWindow {
            rows: Extent::starting_at(top, rows),
            columns: Extent::starting_at(left, columns),
        }))
    }

    /// The value of each byte in each colour plane, `[P, 256]`: red, green, blue.
    #[doc(hidden)]
    pub fn value_table(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|plane| std::array::from_fn(|byte| self.values.value(plane, byte as u8)))
    }

    /// The values that black to white become, such as "[-1, 1]"; one interval a plane where they differ.
    pub fn range(&self) -> String {
        let mut ranges = self.value_table().map(|values| {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            format!("[{}, {}]", rounded(low), rounded(high))
        });
        if ranges[0] == ranges[1] && ranges[1] == ranges[2] {
            return std::mem::take(&mut ranges[0]);
        }
        let [red, green, blue] = ranges;
        format!("red {red}, green {green}, blue {blue}")
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resize {
            Some(Resize::ShortEdge(side)) => write!(f, "short edge {side}")?,
            Some(Resize::ShortEdgeUpTo { shortest, longest }) => {
                write!(f, "short edge {shortest}, long edge up to {longest}")?;
            }
            Some(Resize::Within([height, width])) => write!(f, "resized to fit {width}x{height}")?,
            Some(Resize::Exact([height, width])) => write!(f, "resized to {width}x{height}")?,
            None => f.write_str("not resized")?,
        }
        if let Some([height, width]) = self.crop {
            write!(f, ", crop {width}x{height}")?;
        }
        match self.resample {
            Resampling::Pillow(filter) => write!(f, ", Pillow's {}", filter.name())?,
            Resampling::TensorFlowBilinear => f.write_str(", TensorFlow's bilinear")?,
        }
        write!(f, ", values in {}", self.range())
    }
}

/// Four decimals, as few as needed, no negative zero.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_parsed_by_their_names() {
        for &preset in Preset::ALL {
            assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
        }
        let error = "hf".parse::<Preset>().unwrap_err().to_string();
        assert!(error.contains("scenic, hf_corrected, hf_default"), "{error}");
    }

    #[test]
    fn ranges_of_the_presets() {
        for (preset, range) in
            [(Preset::Scenic, "[-1, 1]"), (Preset::HfCorrected, "[-1, 1]"), (Preset::HfDefault, "[-3, 1]")]
        {
            assert_eq!(preset.preprocessing([224, 224]).unwrap().range(), range);
        }
        let normalise = Some(PlaneStatistics { mean: [0.5, 0.0, 0.5], std: [0.5; 3] });
        let values = Values { scale: 1.0 / 255.0, zero_centred: false, normalise };
        let planes = Preprocessing::new(None, None, Resampling::PILLOW_BILINEAR, values).unwrap();
        assert_eq!(planes.range(), "red [-1, 1], green [0, 2], blue [-1, 1]");
    }

    #[test]
    fn preprocessing_is_described() {
        let described = |preset: Preset| preset.preprocessing([224, 288]).unwrap().to_string();
        let expected = "short edge 329, crop 288x224, TensorFlow's bilinear, values in [-1, 1]";
        assert_eq!(described(Preset::Scenic), expected);
        assert!(described(Preset::HfDefault).ends_with("Pillow's bilinear, values in [-3, 1]"));
    }

    #[test]
    fn the_short_edge_follows_the_crop() {
        let edge = |crop| Preset::Scenic.preprocessing(crop).unwrap().resize();
        assert_eq!(edge([224, 224]), Some(Resize::ShortEdge(256)));
        assert_eq!(edge([32, 35]), Some(Resize::ShortEdge(40)));
    }

    #[test]
    fn a_720p_frame_is_resized_and_cropped_as_published() {
        for &preset in Preset::ALL {
            let preprocessing = preset.preprocessing([224, 224]).unwrap();
            let resized = preprocessing.resized_size([720, 1280]).unwrap();
            assert_eq!(resized, [256, 455]);
            let window = preprocessing.crop_window(resized);
            assert_eq!((window.rows.from, window.columns.from), (16, 115));
            assert_eq!(preprocessing.resized_size([1280, 720]).unwrap(), [455, 256]);
        }
    }

    #[test]
    fn three_crops_lie_along_the_longer_side() {
        let preprocessing = Preset::Scenic.preprocessing([224, 224]).unwrap();
        let offsets = |size| {
            let windows = preprocessing.three_crop_windows(size).unwrap();
            windows.map(|window| (window.rows.from, window.columns.from))
        };
        assert_eq!(offsets([256, 455]), [(16, 0), (16, 116), (16, 231)]);
        assert_eq!(offsets([455, 256]), [(0, 16), (116, 16), (231, 16)]);
        assert_eq!(offsets([256, 256]), [(16, 0), (16, 16), (16, 32)]);
        assert!(preprocessing.three_crop_windows([256, 200]).is_err());
    }

    #[test]
    fn impossible_preprocessing_is_an_error() {
        let new = |resize, crop, values| Preprocessing::new(resize, crop, Resampling::PILLOW_BILINEAR, values);
        assert!(new(Some(Resize::ShortEdge(0)), None, Values::ZERO_CENTRED).is_err());
        assert!(new(None, Some([224, 0]), Values::ZERO_CENTRED).is_err());
        assert!(new(None, None, Values { scale: f64::NAN, ..Values::ZERO_CENTRED }).is_err());
        let flat = Some(PlaneStatistics { mean: [0.5; 3], std: [0.5, 0.0, 0.5] });
        assert!(new(None, None, Values { normalise: flat, ..Values::ZERO_CENTRED }).is_err());
        assert!(Preset::Scenic.preprocessing([224, 224]).unwrap().resized_size([0, 5]).is_err());
    }
}
