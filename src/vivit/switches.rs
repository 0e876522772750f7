//! The switches of a configuration that all models have.

use serde::{Deserialize, Serialize};

use crate::tensor::named;

/// How the encoder's output becomes one vector a clip. Pooling follows the final LayerNorm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Classifier {
    /// A learned class token is put before the others, and its output is taken.
    Token,
    /// No class token; the output at index 0 is taken (scenic's `'0'`).
    FirstToken,
    /// No class token; the mean over all tokens (scenic's `'gap'`).
    Mean,
    /// No class token; the maximum over all tokens (scenic's `'gmp'`).
    Max,
    /// No class token; the sum over all tokens (scenic's `'gsp'`).
    Sum,
}

named!(Classifier, "a classifier": Token = "token", FirstToken = "first_token", Mean = "mean", Max = "max", Sum = "sum");

/// Which form of GELU the MLP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gelu {
    /// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as ViViT was trained.
    Tanh,
    /// 0.5·x·(1 + erf(x/√2)).
    Erf,
}

/// The block of pixels behind one token; neighbouring tubelets touch and do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tubelet {
    /// Frames that one token covers.
    pub frames: usize,
    /// Rows of pixels that one token covers.
    pub rows: usize,
    /// Columns of pixels that one token covers.
    pub columns: usize,
}

/// Uniform frame sampling: patches of a few frames of the clip, spread evenly, instead of tubelets of all
/// (paper §3.2, spec §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FrameSampling {
    /// How many frames are looked at.
    pub frames: usize,
    /// Whether frames are sampled at the values of a floating-point `arange`, as in the original implementation, which
    /// yields one frame more where the spacing is rounded down.
    #[serde(default)]
    pub arange_quirk: bool,
}

impl FrameSampling {
    /// This many frames, spread evenly.
    pub const fn new(frames: usize) -> Self {
        Self { frames, arange_quirk: false }
    }

    /// Whether frames are sampled at the values of a floating-point `arange`.
    #[must_use]
    pub fn arange_quirk(self, arange_quirk: bool) -> Self {
        Self { arange_quirk, ..self }
    }

    /// The frames that are looked at of a clip of `frames`: every s-th from s on, s = F/(S+1), halves rounded to even.
    pub fn indices(self, frames: usize) -> Vec<usize> {
        let (start, step) = match self.frames < frames {
            true => (frames as f64 / (self.frames + 1) as f64, frames as f64 / (self.frames + 1) as f64),
            false => (0.0, 1.0),
        };
        let wanted = self.frames.min(frames);
        // NumPy's arange has ⌈(end − start)/step⌉ elements.
        let count = if self.arange_quirk { ((frames as f64 - start) / step).ceil() as usize } else { wanted };
        let frame = |index: usize| (start + index as f64 * step).round_ties_even() as usize;
        (0..count).map(|index| frame(index).min(frames - 1)).collect()
    }
}

/// The size of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSize {
    /// Encoder blocks.
    pub layers: usize,
    /// H, attention heads.
    pub heads: usize,
    /// M, hidden width of the MLP.
    pub hidden: usize,
}

/// What the logits mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Labelling {
    /// One label a clip: softmax over all classes.
    #[default]
    Single,
    /// Any number of labels a clip: each class by itself.
    Multiple,
    /// Several labels a clip, one of each of these: softmax over the classes of each. They follow one another in the
    /// logits in this order; in their joint distribution the first is outermost.
    Heads(Vec<LabelHead>),
    /// No labels: each output is a value of its own (regression), taken as it is.
    Regression,
}

/// Classes that exclude one another, such as all nouns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelHead {
    /// What the labels are: `noun`.
    pub name: String,
    /// Number of classes.
    pub classes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_as_in_the_original() {
        let indices = |frames, of| FrameSampling { frames, arange_quirk: false }.indices(of);
        assert_eq!(indices(8, 32), [4, 7, 11, 14, 18, 21, 25, 28]);
        assert_eq!(indices(4, 32), [6, 13, 19, 26]);
        assert_eq!(indices(16, 32), [2, 4, 6, 8, 9, 11, 13, 15, 17, 19, 21, 23, 24, 26, 28, 30]);
        assert_eq!(indices(8, 30), [3, 7, 10, 13, 17, 20, 23, 27]);
        assert_eq!(indices(5, 9), [2, 3, 4, 6, 8]);
        assert_eq!(indices(9, 5), [0, 1, 2, 3, 4]);
        assert_eq!(indices(5, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_quirk_yields_one_frame_more() {
        let indices = |frames, of| FrameSampling { frames, arange_quirk: true }.indices(of);
        assert_eq!(indices(2, 4), [1, 3, 3]);
        assert_eq!(indices(2, 8), [3, 5, 7]);
        assert_eq!(indices(6, 12), [2, 3, 5, 7, 9, 10, 11]);
        assert_eq!(indices(8, 32), [4, 7, 11, 14, 18, 21, 25, 28]);
    }
}
