//! From Y′CbCr to RGB, in the integer arithmetic of FFmpeg's scaler.

/// The Y′CbCr matrix of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// BT.601: tagged so, or not tagged at all, whatever the frame's size.
    Bt601,
    /// BT.709, where tagged so.
    Bt709,
}

/// Which byte values mean black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16..=235, chroma 16..=240.
    Limited,
    /// 0..=255.
    Full,
}

/// The six integers that turn one pixel's (y, u, v) bytes into RGB bytes, with arithmetic shifts in 32 bits:
///
/// ```text
/// Y = (8·y − offset)·luma >> 16     U = 8·u − 1024     V = 8·v − 1024
/// R = clamp(Y + (V·red_v >> 16))
/// G = clamp(Y + (U·green_u >> 16) + (V·green_v >> 16))
/// B = clamp(Y + (U·blue_u >> 16))
/// ```
///
/// Each 2×2 block of pixels shares one (u, v). Equal to `ffmpeg -pix_fmt rgb24`, PyAV, decord and OpenCV, byte for
/// byte, for 8-bit 4:2:0 video with even sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coefficients {
    /// Scale of luma.
    pub luma: i32,
    /// Eight times the luma byte of black.
    pub offset: i32,
    /// Share of V in red.
    pub red_v: i32,
    /// Share of U in green.
    pub green_u: i32,
    /// Share of V in green.
    pub green_v: i32,
    /// Share of U in blue.
    pub blue_u: i32,
}

impl Coefficients {
    /// The coefficients of a matrix and a range.
    pub const fn new(matrix: Matrix, range: Range) -> Self {
        // Inverse matrices in 16.16 fixed point, for limited range: red from V, blue from U, green from U, from V.
        let [red_v, blue_u, green_u, green_v] = match matrix {
            Matrix::Bt601 => [104_597, 132_201, -25_675, -53_279],
            Matrix::Bt709 => [117_489, 138_438, -13_975, -34_925],
        };
        match range {
            Range::Limited => Self {
                luma: to_13_bits(65_536 * 255 / 219),
                offset: 16 * 8,
                red_v: to_13_bits(red_v),
                green_u: to_13_bits(green_u),
                green_v: to_13_bits(green_v),
                blue_u: to_13_bits(blue_u),
            },
            Range::Full => Self {
                luma: to_13_bits(65_536),
                offset: 0,
                red_v: to_13_bits(full_range(red_v)),
                green_u: to_13_bits(full_range(green_u)),
                green_v: to_13_bits(full_range(green_v)),
                blue_u: to_13_bits(full_range(blue_u)),
            },
        }
    }

    /// One pixel, [red, green, blue] of (y, u, v).
    pub fn rgb(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let luma = ((i32::from(y) * 8 - self.offset) * self.luma) >> 16;
        let (u, v) = (i32::from(u) * 8 - 1024, i32::from(v) * 8 - 1024);
        let red = luma + ((v * self.red_v) >> 16);
        let green = luma + ((u * self.green_u) >> 16) + ((v * self.green_v) >> 16);
        let blue = luma + ((u * self.blue_u) >> 16);
        [red, green, blue].map(|value| value.clamp(0, 255) as u8)
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
    fn coefficients_of_untagged_video() {
        let expected =
            Coefficients { luma: 9539, offset: 128, red_v: 13_075, blue_u: 16_525, green_v: -6660, green_u: -3209 };
        assert_eq!(Coefficients::new(Matrix::Bt601, Range::Limited), expected);
    }

    #[test]
    fn black_and_white_of_each_range() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            let limited = Coefficients::new(matrix, Range::Limited);
            assert_eq!((limited.rgb(16, 128, 128), limited.rgb(235, 128, 128)), ([0; 3], [255; 3]));
            let full = Coefficients::new(matrix, Range::Full);
            assert_eq!((full.rgb(0, 128, 128), full.rgb(255, 128, 128)), ([0; 3], [255; 3]));
        }
    }
}
