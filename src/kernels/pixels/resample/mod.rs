//! Pillow's antialiased resampling along one axis; once along X and once along Y resize a picture.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Resample`].
static FAMILY: Family = Family {
    name: "resample",
    formula: "out[i] = clamp((2²¹ + Σ_k weight[i, k]·in[first[i] + k]) >> 22), k < count[i], along X or Y",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read_words("input", "[F, Y, X]"),
        Binding::read_words("table", "[N, 2 + taps]"),
        Binding::write_words("output", "[F, Y', N] along X, [F, N, X'] along Y"),
    ],
    variants: variants_of::<Resample>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The axis that is resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Each row gets another number of columns.
    X,
    /// Each column gets another number of rows.
    Y,
}

/// Resamples `lines` of each of `frames` frames to `length` pixels along `axis`, by a [`table`](Self::table).
///
/// Pillow resamples along X first, stores bytes, and goes on along Y. A crop costs only its own pixels: along X,
/// `length` is its columns, and `lines` are the rows of the picture that it needs; along Y, `length` is its rows, and
/// `lines` are all columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Resample {
    /// The axis along which the size changes.
    pub axis: Axis,
    /// F.
    pub frames: usize,
    /// [Y, X] of the input.
    pub size: [usize; 2],
    /// The rows (along X) or columns (along Y) that are resampled; the output has only these.
    pub lines: Range<usize>,
    /// N: the output pixels of a line.
    pub length: usize,
    /// Weights reserved for each output pixel.
    pub taps: usize,
}

impl Resample {
    /// The `[N, 2 + taps]` words that it works from: for each output pixel the first source pixel, the number of
    /// source pixels and their weights in 22-bit fixed point, `taps` of them whatever the number.
    ///
    /// An error where the lists differ in their number of pixels, or a pixel has more than `taps` weights.
    pub fn table(first: &[u32], count: &[u32], weights: &[i32], taps: usize) -> Result<Tensor> {
        let pixels = first.len();
        if taps == 0
            || count.len() != pixels
            || weights.len() != pixels * taps
            || count.iter().any(|&n| n as usize > taps)
        {
            return Err(Error::usage(format!(
                "{pixels} first pixels, {} counts and {} weights, {taps} a pixel, make no resampling table",
                count.len(),
                weights.len()
            )));
        }
        let pixels = first.iter().zip(count).zip(weights.chunks_exact(taps));
        let words = pixels.flat_map(|((&first, &count), weights)| {
            [first, count].into_iter().chain(weights.iter().map(|weight| weight.cast_unsigned()))
        });
        Tensor::u32([first.len(), 2 + taps], words.collect())
    }

    /// [Y, X] of the output.
    pub fn output_size(&self) -> [usize; 2] {
        match self.axis {
            Axis::X => [self.lines.len(), self.length],
            Axis::Y => [self.length, self.lines.len()],
        }
    }
}

impl Kernel for Resample {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::resample;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(resample);

    fn operands(&self) -> Vec<Option<Shape>> {
        let ([height, width], [rows, columns]) = (self.size, self.output_size());
        vec![
            Some([self.frames, height, width].into()),
            Some([self.length, 2 + self.taps].into()),
            Some([self.frames, rows, columns].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let [height, width] = self.size;
        let across = match self.axis {
            Axis::X => height,
            Axis::Y => width,
        };
        if self.frames * height * width * self.length * self.taps == 0
            || self.lines.is_empty()
            || self.lines.end > across
        {
            return Err(Error::usage(format!(
                "lines {:?} of {} frames of {height}x{width} cannot be resampled along {:?} to {} pixels of {} weights",
                self.lines, self.frames, self.axis, self.length, self.taps
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Three channels: a product and a sum a weight, a shift.
        3 * (2 * self.taps as u64 + 1) * (self.frames * self.lines.len() * self.length) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_a_record_a_pixel() {
        let table = Resample::table(&[0, 4], &[2, 1], &[3, -1, 5, 0], 2).unwrap();
        assert_eq!(table, Tensor::u32([2, 4], vec![0, 2, 3, u32::MAX, 4, 1, 5, 0]).unwrap());
        assert!(Resample::table(&[0, 4], &[2], &[3, 1, 5, 0], 2).is_err());
        assert!(Resample::table(&[0, 4], &[2, 3], &[3, 1, 5, 0], 2).is_err());
        assert!(Resample::table(&[0, 4], &[1, 1], &[3, 1, 5], 2).is_err());
        assert!(Resample::table(&[0, 4], &[0, 0], &[], 0).is_err());
    }

    #[test]
    fn lines_outside_the_picture_are_an_error() {
        let columns = |lines| Resample { axis: Axis::Y, frames: 1, size: [9, 4], lines, length: 3, taps: 2 }.validate();
        assert!(columns(1..4).is_ok());
        assert!(columns(1..5).is_err());
        assert!(columns(2..2).is_err());
    }
}
