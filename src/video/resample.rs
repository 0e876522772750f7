//! Tables that turn one axis of a picture of `input` pixels into one of `output` pixels.
//!
//! Both resamplings are separable; a picture needs one table for its rows and one for its columns. The two kinds
//! differ by up to 54 byte values on the same frame, so each model family keeps its own.

use std::f64::consts::PI;
use std::ops::Range;

use crate::tensor::{Error, Result};

/// How a resized pixel is computed from its source pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resampling {
    /// Pillow's, by one of its filters: as wide as the reduction (antialiased), rounded to bytes after each axis. What
    /// Hugging Face's processor does.
    Pillow(Filter),
    /// TensorFlow's `bilinear` with half-pixel centres and without antialiasing, truncated to bytes. What scenic
    /// does.
    TensorFlowBilinear,
}

impl Resampling {
    /// What Hugging Face's processors do unless told otherwise.
    pub const PILLOW_BILINEAR: Self = Self::Pillow(Filter::Bilinear);
}

/// How Pillow weighs the source pixels around a resized one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// The source pixel at the centre alone, whatever the reduction.
    Nearest,
    /// The mean of the pixels that become one.
    Box,
    /// A triangle.
    Bilinear,
    /// Hamming's window.
    Hamming,
    /// A cubic, a = −0.5; it overshoots.
    Bicubic,
    /// A sinc with the window of a wider sinc; it overshoots.
    Lanczos,
}

impl Filter {
    /// Every filter, by Pillow's numbers.
    pub(crate) const ALL: [Self; 6] =
        [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Box => "box",
            Self::Bilinear => "bilinear",
            Self::Hamming => "hamming",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }

    /// How far it reaches, in source pixels where nothing is reduced.
    fn reach(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at distance `x`, before all are made to sum up to 1.
    fn weight(self, x: f64) -> f64 {
        let distance = x.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(x > -0.5 && x <= 0.5),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Hamming if distance == 0.0 => 1.0,
            Self::Hamming if distance >= 1.0 => 0.0,
            Self::Hamming => {
                let angle = distance * PI;
                libm::sin(angle) / angle * (0.54 + 0.46 * libm::cos(angle))
            }
            Self::Bicubic if distance < 1.0 => ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A,
            Self::Bicubic => 0.0,
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

/// The cubic's parameter.
const A: f64 = -0.5;

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(x * PI) / (x * PI) }
}

/// Fractional bits of the weights of [`Antialiased`].
pub(super) const WEIGHT_BITS: u32 = 22;

/// Pillow's antialiased resampling for one axis.
///
/// Output pixel i is `clamp((2²¹ + Σ weights[i·taps + k]·byte[first[i] + k]) >> 22)` over k < `count[i]`; the sum
/// fits `i32`. The axes follow each other, bytes between them; [`Antialiased::columns_first`] says which comes first.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Antialiased {
    /// First source pixel of each output pixel.
    pub first: Vec<u32>,
    /// Number of source pixels of each output pixel, at most `taps`.
    pub count: Vec<u32>,
    /// `taps` weights for each output pixel in 22-bit fixed point, zero from its `count` on.
    pub weights: Vec<i32>,
    /// Weights reserved for each output pixel.
    pub taps: usize,
}

impl Antialiased {
    /// The table for the pixels `window` of an axis of `output` pixels made from `input` pixels.
    pub fn new(filter: Filter, input: usize, output: usize, window: Range<usize>) -> Result<Self> {
        check(input, output, &window)?;
        let scale = input as f64 / output as f64;
        if filter == Filter::Nearest {
            return Ok(Self::nearest(input, scale, window));
        }
        let widening = scale.max(1.0);
        let support = filter.reach() * widening;
        let taps = support.ceil() as usize * 2 + 1;
        let mut table = Self { first: Vec::new(), count: Vec::new(), weights: Vec::new(), taps };
        for pixel in window {
            let centre = (pixel as f64 + 0.5) * scale;
            // Casts truncate and stop at 0, as Pillow's do.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            // Times the reciprocal, not divided: the last bit shows in the weights.
            let weights = (first..end).map(|source| filter.weight((source as f64 - centre + 0.5) * (1.0 / widening)));
            table.push(first, weights.collect());
        }
        Ok(table)
    }

    /// The table that takes single pixels. Pillow adds up the steps, whose rounding shows where a centre lies between two
    /// pixels.
    fn nearest(input: usize, scale: f64, window: Range<usize>) -> Self {
        let centres = std::iter::successors(Some(scale * 0.5), |centre| Some(centre + scale));
        let first = centres.take(window.end).skip(window.start).map(|centre| (centre as u32).min(input as u32 - 1));
        let first: Vec<_> = first.collect();
        let (count, weights) = (vec![1; first.len()], vec![1 << WEIGHT_BITS; first.len()]);
        Self { first, count, weights, taps: 1 }
    }

    /// Whether a picture of `size` = [Y, X] has its columns resampled before its rows. Pillow does so unless the height
    /// loses more than twice as many pixels as the width: the rule of Pillow 13; before it, columns always came first.
    /// The order shows in single steps of some bytes.
    pub fn columns_first(size: [usize; 2], resized: [usize; 2]) -> bool {
        let [height, width] = [0, 1].map(|axis| size[axis] as i128 - resized[axis] as i128);
        height <= 0 || height <= 2 * width
    }

    fn push(&mut self, first: usize, weights: Vec<f64>) {
        let sum: f64 = weights.iter().sum();
        let one = f64::from(1 << WEIGHT_BITS);
        self.first.push(first as u32);
        self.count.push(weights.len() as u32);
        // Halves are rounded away from 0.
        self.weights.extend(
            weights.iter().map(|weight| weight / sum * one).map(|weight| (weight + 0.5f64.copysign(weight)) as i32),
        );
        self.weights.resize(self.first.len() * self.taps, 0);
    }
}

/// TensorFlow's bilinear for one axis: output pixel i lies between the source pixels `lower[i]` and `upper[i]`, at
/// `lower + (upper − lower)·fraction[i]`, in f32; columns first, then rows, then one truncation to bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lerp {
    /// The source pixel before each output pixel.
    pub lower: Vec<u32>,
    /// The source pixel after it.
    pub upper: Vec<u32>,
    /// How far it lies from `lower` towards `upper`, 0 to 1.
    pub fraction: Vec<f32>,
}

impl Lerp {
    /// The table for the pixels `window` of an axis of `output` pixels made from `input` pixels.
    pub(super) fn new(input: usize, output: usize, window: Range<usize>) -> Result<Self> {
        check(input, output, &window)?;
        let scale = input as f32 / output as f32;
        let mut table = Self { lower: Vec::new(), upper: Vec::new(), fraction: Vec::new() };
        for pixel in window {
            let centre = (pixel as f32 + 0.5) * scale - 0.5;
            table.lower.push(centre.floor() as u32);
            table.upper.push((centre.ceil() as u32).min(input as u32 - 1));
            table.fraction.push(centre - centre.floor());
        }
        Ok(table)
    }
}

/// Sides beyond this are no pictures; with it every index and every sum of the tables fits 32 bits.
const LARGEST_SIDE: usize = 1 << 24;

fn check(input: usize, output: usize, window: &Range<usize>) -> Result<()> {
    let side = 1..=LARGEST_SIDE;
    if side.contains(&input) && side.contains(&output) && window.start <= window.end && window.end <= output {
        return Ok(());
    }
    Err(Error::usage(format!(
        "pixels {}..{} of {input} pixels resized to {output} do not exist",
        window.start, window.end
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn antialiased(bytes: &[u8], output: usize) -> Vec<u8> {
        let table = Antialiased::new(Filter::Bilinear, bytes.len(), output, 0..output).unwrap();
        (0..output).map(|pixel| crate::video::reference::weighted(&table, pixel, |source| bytes[source])).collect()
    }

    fn lerp(values: &[f32], output: usize) -> Vec<f32> {
        let Lerp { lower, upper, fraction } = Lerp::new(values.len(), output, 0..output).unwrap();
        let at = |index: u32| values[index as usize];
        (0..output).map(|i| at(lower[i]) + (at(upper[i]) - at(lower[i])) * fraction[i]).collect()
    }

    #[test]
    fn antialiasing_averages_over_the_reduction() {
        // Triangles of half width 2 around 1 and 3, cut at the border: weights (3, 3, 1) / 7 and (1, 3, 3) / 7.
        assert_eq!(antialiased(&[0, 70, 140, 210], 2), [50, 160]);
    }

    #[test]
    fn antialiased_enlarging_is_linear_between_centres() {
        assert_eq!(antialiased(&[0, 100], 4), [0, 25, 75, 100]);
    }

    #[test]
    fn rows_come_first_where_the_height_loses_most() {
        // Each found by comparing Pillow 13's bytes with both orders.
        for (size, resized, columns_first) in [
            ([720, 1280], [256, 455], true),
            ([90, 41], [87, 40], false),
            ([100, 100], [97, 99], false),
            ([100, 100], [98, 99], true),
            ([100, 100], [99, 120], false),
            ([100, 100], [101, 120], true),
        ] {
            assert_eq!(Antialiased::columns_first(size, resized), columns_first, "{size:?} to {resized:?}");
        }
    }

    #[test]
    fn the_nearest_pixel_lies_at_the_centre() {
        let table = Antialiased::new(Filter::Nearest, 10, 4, 0..4).unwrap();
        assert_eq!((table.first, table.taps), (vec![1, 3, 6, 8], 1));
    }

    #[test]
    fn lerp_looks_at_two_neighbours_only() {
        assert_eq!(lerp(&[0.0, 100.0], 4), [0.0, 25.0, 75.0, 100.0]);
        assert_eq!(lerp(&[0.0, 70.0, 140.0, 210.0], 2), [35.0, 175.0]);
        assert_eq!(lerp(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 3), [1.0, 4.0, 7.0]);
    }

    #[test]
    fn windows_outside_the_output_are_errors() {
        assert!(Antialiased::new(Filter::Box, 10, 5, 0..6).is_err());
        assert!(Antialiased::new(Filter::Box, 0, 5, 0..5).is_err());
        assert!(Lerp::new(10, 0, 0..0).is_err());
    }

    proptest! {
        #[test]
        fn the_same_size_is_the_same_picture(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            for filter in Filter::ALL {
                let table = Antialiased::new(filter, bytes.len(), bytes.len(), 0..bytes.len()).unwrap();
                let byte = |pixel| crate::video::reference::weighted(&table, pixel, |source| bytes[source]);
                prop_assert_eq!((0..bytes.len()).map(byte).collect::<Vec<_>>(), bytes.clone());
            }
            let table = Lerp::new(bytes.len(), bytes.len(), 0..bytes.len()).unwrap();
            prop_assert!(table.fraction.iter().all(|&fraction| fraction == 0.0));
        }

        #[test]
        fn tables_stay_within_the_source(input in 1usize..3000, output in 1usize..600, filter in 0usize..6) {
            let table = Antialiased::new(Filter::ALL[filter], input, output, 0..output).unwrap();
            for (pixel, (&first, &count)) in table.first.iter().zip(&table.count).enumerate() {
                prop_assert!(count >= 1 && count as usize <= table.taps && (first + count) as usize <= input);
                let sum: i32 = table.weights[pixel * table.taps..][..table.taps].iter().sum();
                prop_assert!((sum - (1 << WEIGHT_BITS)).unsigned_abs() <= count);
            }
            let table = Lerp::new(input, output, 0..output).unwrap();
            prop_assert!(table.lower.iter().chain(&table.upper).all(|&source| (source as usize) < input));
            // As TensorFlow has it: a centre just below a whole number rounds to 1.
            prop_assert!(table.fraction.iter().all(|&fraction| (0.0..=1.0).contains(&fraction)));
        }

        #[test]
        fn a_window_is_a_part_of_the_whole(input in 1usize..500, output in 1usize..200, a in 0usize..200, b in 0usize..200, filter in 0usize..6) {
            let filter = Filter::ALL[filter];
            let (from, to) = (a.min(b).min(output), a.max(b).min(output));
            let (whole, part) =
                [0..output, from..to].map(|range| Antialiased::new(filter, input, output, range).unwrap()).into();
            prop_assert_eq!(&whole.first[from..to], &part.first[..]);
            prop_assert_eq!(&whole.weights[from * whole.taps..to * whole.taps], &part.weights[..]);
        }
    }
}
