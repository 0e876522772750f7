//! From Y′CbCr to RGB, in the integer arithmetic of FFmpeg's scaler.

use std::{fmt, str::FromStr};

use crate::kernels::pixels::Coefficients;
use crate::tensor::{Error, Result};

/// The Y′CbCr matrix of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Matrix {
    /// BT.601: tagged so, or not tagged at all, whatever the frame's size.
    Bt601,
    /// BT.709, where tagged so.
    Bt709,
}

impl FromStr for Matrix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "bt601" => Ok(Self::Bt601),
            "bt709" => Ok(Self::Bt709),
            _ => Err(Error::usage(format!("a matrix is bt601 or bt709, not {text:?}"))),
        }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bt601 => "bt601",
            Self::Bt709 => "bt709",
        })
    }
}

/// Which byte values mean black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColourRange {
    /// Luma 16..=235, chroma 16..=240.
    Limited,
    /// 0..=255.
    Full,
}

/// The integers with which a video of this matrix and range becomes RGB.
///
/// Equal to `ffmpeg -pix_fmt rgb24`, PyAV, decord and OpenCV, byte for byte, for 8-bit 4:2:0 video with even sides.
#[doc(hidden)]
pub const fn coefficients(matrix: Matrix, range: ColourRange) -> Coefficients {
    // Inverse matrices in 16.16 fixed point, for limited range: red from V, blue from U, green from U, from V.
    let [red_v, blue_u, green_u, green_v] = match matrix {
        Matrix::Bt601 => [104_597, 132_201, -25_675, -53_279],
        Matrix::Bt709 => [117_489, 138_438, -13_975, -34_925],
    };
    match range {
        ColourRange::Limited => Coefficients {
            luma: to_13_bits(65_536 * 255 / 219),
            offset: 16 * 8,
            red_v: to_13_bits(red_v),
            green_u: to_13_bits(green_u),
            green_v: to_13_bits(green_v),
            blue_u: to_13_bits(blue_u),
        },
        ColourRange::Full => Coefficients {
            luma: to_13_bits(65_536),
            offset: 0,
            red_v: to_13_bits(full_range(red_v)),
            green_u: to_13_bits(full_range(green_u)),
            green_v: to_13_bits(full_range(green_v)),
            blue_u: to_13_bits(full_range(blue_u)),
        },
    }
}

/// 16.16 fixed point to the 13 fractional bits of the conversion, rounded half up.
const fn to_13_bits(value: i64) -> i32 {
    ((value * 8192 + 32_768) >> 16) as i32
}

/// Chroma spans 224 steps in limited range and 255 in full range.
const fn full_range(value: i64) -> i64 {
    value * 224 / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_named() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            assert_eq!(matrix.to_string().parse::<Matrix>().unwrap(), matrix);
        }
        assert!("bt2020".parse::<Matrix>().unwrap_err().to_string().contains("bt601 or bt709"));
    }

    #[test]
    fn coefficients_of_untagged_video() {
        let expected =
            Coefficients { luma: 9539, offset: 128, red_v: 13_075, blue_u: 16_525, green_v: -6660, green_u: -3209 };
        assert_eq!(coefficients(Matrix::Bt601, ColourRange::Limited), expected);
    }

    #[test]
    fn full_range_luma_needs_no_offset() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            let full = coefficients(matrix, ColourRange::Full);
            assert_eq!((full.offset, full.luma), (0, 8192));
        }
    }
}
