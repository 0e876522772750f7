//! From Y′CbCr to RGB, in the integer arithmetic of FFmpeg's scaler.

use std::{borrow::Cow, fmt, str::FromStr};

use super::source::{Frame, PixelFormat};
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

/// The bytes of red, green and blue of a frame, `[Y, X, 3]`.
pub(super) fn rgb(frame: &Frame) -> Cow<'_, [u8]> {
    let PixelFormat::Yuv420p { matrix, range } = frame.format() else { return Cow::Borrowed(frame.as_bytes()) };
    let (integers, width, pixels) = (coefficients(matrix, range), frame.width(), frame.width() * frame.height());
    let (luma, chroma) = frame.as_bytes().split_at(pixels);
    let (u, v) = chroma.split_at(pixels / 4);
    let pixel = |(index, &y): (usize, &u8)| {
        let shared = index / width / 2 * (width / 2) + index % width / 2;
        let luma = ((i32::from(y) * 8 - integers.offset) * integers.luma) >> 16;
        let (u, v) = (i32::from(u[shared]) * 8 - 1024, i32::from(v[shared]) * 8 - 1024);
        let red = luma + ((v * integers.red_v) >> 16);
        let green = luma + ((u * integers.green_u) >> 16) + ((v * integers.green_v) >> 16);
        let blue = luma + ((u * integers.blue_u) >> 16);
        [red, green, blue].map(|value| value.clamp(0, 255) as u8)
    };
    Cow::Owned(luma.iter().enumerate().flat_map(pixel).collect())
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
