//! TensorFlow's bilinear resizing, half-pixel centres, no antialiasing, to the byte.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`ResizeBilinear`].
static FAMILY: Family = Family {
    name: "resize_bilinear",
    formula: "out = ⌊top + (bottom − top)·fraction_y⌋, top = in[y0, x0] + (in[y0, x1] − in[y0, x0])·fraction_x",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read_words("input", "[F, Y, X]"),
        Binding::read_words("row_table", "[Y', 3]"),
        Binding::read_words("column_table", "[X', 3]"),
        Binding::write_words("output", "[F, Y', X']"),
    ],
    variants: variants_of::<ResizeBilinear>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Resizes each of `frames` frames by a [`table`](Self::table) for its rows and one for its columns; a crop's tables hold only the
/// crop's rows and columns.
///
/// Every operation is rounded to f32 by itself, as TensorFlow does, on any device.
#[derive(Clone, Debug, PartialEq)]
pub struct ResizeBilinear {
    /// F.
    pub frames: usize,
    /// [Y, X] of the input.
    pub input: [usize; 2],
    /// [Y', X'] of the output.
    pub output: [usize; 2],
}

impl ResizeBilinear {
    /// The `[N, 3]` words that it works from along one axis: for each output pixel the source pixel before
    /// it, the one after it, and the bits of the f32 that says how far it lies from the first towards the second.
    ///
    /// An error where the lists differ in length.
    pub fn table(lower: &[u32], upper: &[u32], fraction: &[f32]) -> Result<Tensor> {
        if lower.len() != upper.len() || lower.len() != fraction.len() {
            return Err(Error::usage(format!(
                "{} lower pixels, {} upper pixels and {} fractions make no table",
                lower.len(),
                upper.len(),
                fraction.len()
            )));
        }
        let pixels = lower.iter().zip(upper).zip(fraction);
        let words = pixels.flat_map(|((&lower, &upper), fraction)| [lower, upper, fraction.to_bits()]);
        Tensor::u32([lower.len(), 3], words.collect())
    }
}

impl Kernel for ResizeBilinear {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::resize_bilinear;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(resize_bilinear);

    fn operands(&self) -> Vec<Option<Shape>> {
        let ([height, width], [rows, columns]) = (self.input, self.output);
        vec![
            Some([self.frames, height, width].into()),
            Some([rows, 3].into()),
            Some([columns, 3].into()),
            Some([self.frames, rows, columns].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let ([height, width], [rows, columns]) = (self.input, self.output);
        if self.frames * height * width * rows * columns == 0 {
            return Err(Error::usage(format!(
                "{} frames of {height}x{width} cannot be resized to {rows}x{columns}",
                self.frames
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Three channels, three times: difference, product, sum.
        27 * (self.frames * self.output[0] * self.output[1]) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_a_record_a_pixel() {
        let words = vec![0, 1, 0.25f32.to_bits(), 3, 4, 0.5f32.to_bits()];
        assert_eq!(ResizeBilinear::table(&[0, 3], &[1, 4], &[0.25, 0.5]).unwrap(), Tensor::u32([2, 3], words).unwrap());
        assert!(ResizeBilinear::table(&[0, 3], &[1, 4], &[0.25]).is_err());
    }
}
