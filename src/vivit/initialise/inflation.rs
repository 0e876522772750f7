//! Tubelet kernels from the kernels of image models (paper, section 3.4; spec §5.3).

use crate::tensor::{Error, Result, Tensor, named};
use crate::vivit::validation::{MOST_ELEMENTS, bounded};

/// How the kernel of an image model becomes one over several frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inflation {
    /// The image kernel at frame t/2, zeros in all others, so that a model begins by looking at one frame a tubelet.
    /// For 2 frames that is the second.
    #[default]
    Central,
    /// The image kernel divided by t in every frame ("filter inflation"), so that a clip without motion gives what
    /// the image gave.
    Average,
    /// The image kernel weighted as approximate rank pooling weighs frames, divided by t: late frames count for,
    /// early frames against.
    ApproximateRankPooling,
}

named!(Inflation, "an inflation": Central = "central", Average = "average", ApproximateRankPooling = "arp");

/// The kernel `[C, P, t, h, w]` over `frames` frames that `inflation` makes of an image model's `[C, P, h, w]`.
///
/// # Errors
///
/// A kernel of another number of axes or without elements; no frames, or so many that no device holds the result.
#[doc(hidden)]
pub fn inflate(kernel: &Tensor, frames: usize, inflation: Inflation) -> Result<Tensor> {
    let &[outputs, planes, rows, columns] = kernel.shape().axes() else {
        return Err(Error::usage(format!("an image model's kernel is [C, P, h, w], not {}", kernel.shape())));
    };
    if frames == 0 || kernel.shape().elements() == 0 {
        return Err(Error::usage(format!(
            "a kernel {} cannot be inflated to {frames} frames: each must be at least 1",
            kernel.shape()
        )));
    }
    bounded("inflated kernel", &[outputs, planes, frames, rows, columns], MOST_ELEMENTS)?;
    let shares: Vec<_> = (0..frames).map(|frame| share(frame, frames, inflation)).collect();
    let mut values = Vec::with_capacity(kernel.shape().elements() * frames);
    for plane in kernel.as_f32()?.chunks_exact(rows * columns) {
        for &share in &shares {
            let scaled = |&value: &f32| if share == 0.0 { 0.0 } else { (f64::from(value) * share) as f32 };
            values.extend(plane.iter().map(scaled));
        }
    }
    Tensor::f32([outputs, planes, frames, rows, columns], values)
}

/// By what the image's kernel is multiplied in `frame`.
fn share(frame: usize, frames: usize, inflation: Inflation) -> f64 {
    match inflation {
        Inflation::Central => f64::from(u8::from(frame == frames / 2)),
        Inflation::Average => 1.0 / frames as f64,
        Inflation::ApproximateRankPooling => rank_pooling(frame + 1, frames) / frames as f64,
    }
}

/// Weight of frame `i`, from 1, among `t` in approximate rank pooling: 2(t − i + 1) − (t + 1)(H_t − H_{i−1}), where H_k
/// is the sum of 1/j up to k.
fn rank_pooling(i: usize, t: usize) -> f64 {
    let harmonic: f64 = (i..=t).map(|j| 1.0 / j as f64).sum();
    2.0 * (t - i + 1) as f64 - (t + 1) as f64 * harmonic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(inflation: Inflation, frames: usize) -> Vec<f32> {
        let kernel = Tensor::f32([2, 1, 1, 2], vec![6.0, 12.0, -6.0, 0.6]).unwrap();
        let inflated = inflate(&kernel, frames, inflation).unwrap();
        assert_eq!(inflated.shape().axes(), [2, 1, frames, 1, 2]);
        inflated.as_f32().unwrap().to_vec()
    }

    #[test]
    fn the_centre_of_two_frames_is_the_second() {
        assert_eq!(inflated(Inflation::Central, 2), [0.0, 0.0, 6.0, 12.0, 0.0, 0.0, -6.0, 0.6]);
        assert_eq!(inflated(Inflation::Central, 3)[..6], [0.0, 0.0, 6.0, 12.0, 0.0, 0.0]);
    }

    #[test]
    fn frames_of_filter_inflation_add_up_to_the_image() {
        assert_eq!(inflated(Inflation::Average, 3)[..6], [2.0, 4.0, 2.0, 4.0, 2.0, 4.0]);
    }

    #[test]
    fn rank_pooling_counts_late_frames_for_and_early_ones_against() {
        // t = 3: H = 1, 3/2, 11/6, so the weights are -4/3, 2/3 and 2/3.
        let weights: Vec<_> = (1..=3).map(|frame| rank_pooling(frame, 3)).collect();
        for (weight, expected) in weights.iter().zip([-4.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]) {
            assert!((weight - expected).abs() < 1e-12, "{weights:?}");
        }
        assert!((1..=8).map(|frame| rank_pooling(frame, 8)).sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn a_kernel_over_frames_is_not_inflated_again() {
        let kernel = Tensor::f32([1, 1, 2, 1, 1], vec![1.0, 2.0]).unwrap();
        assert!(inflate(&kernel, 2, Inflation::Central).is_err());
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let kernel = Tensor::f32([1, 1, 1, 2], vec![1.0, 2.0]).unwrap();
        for frames in [0, 1 << 50, usize::MAX] {
            let error = inflate(&kernel, frames, Inflation::Central).unwrap_err().to_string();
            assert!(error.contains(&frames.to_string()), "{error}");
        }
        let empty = Tensor::f32([1, 1, 0, 2], Vec::new()).unwrap();
        assert!(inflate(&empty, 2, Inflation::Average).unwrap_err().to_string().contains("[1, 1, 0, 2]"));
    }
}
