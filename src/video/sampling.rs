//! Which frames of a video make a clip.

use std::{fmt, ops::Range};

use crate::tensor::{Error, Result};

/// Frames between two sampled ones unless said otherwise: the stride of the ViViT paper (§4.1).
pub const DEFAULT_STRIDE: usize = 2;

/// Frames that all clips of a video may have together: nobody means more, and every index computed from it fits.
const MOST_FRAMES: usize = 1 << 20;

/// How clips are taken from a video of R frames.
///
/// The strided rules are those of scenic: index q of a clip is (offset + q·stride) mod R, so a short video is
/// repeated cyclically. The spread rules are those of Hugging Face's examples.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sampling {
    /// One clip in the middle: offset max(0, ⌊(R − frames·stride) / 2⌋). The default.
    Central {
        /// Frames of the clip.
        frames: usize,
        /// Distance of neighbouring frames in the video.
        stride: usize,
    },
    /// One clip from a given frame on.
    From {
        /// Frames of the clip.
        frames: usize,
        /// Distance of neighbouring frames in the video.
        stride: usize,
        /// The first frame; it must be less than R.
        start: usize,
    },
    /// Several clips whose offsets spread evenly over 0 ..= max(0, R − frames·stride); a single clip is
    /// [`Sampling::Central`].
    Clips {
        /// Frames of each clip.
        frames: usize,
        /// Distance of neighbouring frames in the video.
        stride: usize,
        /// Number of clips.
        clips: usize,
    },
    /// One clip spread evenly over the whole video.
    Uniform {
        /// Frames of the clip.
        frames: usize,
    },
    /// One clip spread evenly over a part of the video.
    Window {
        /// Frames of the clip.
        frames: usize,
        /// The part, in frames of the video; its end must not exceed R.
        window: Range<usize>,
    },
}

impl Sampling {
    /// The default for a model of `frames` frames: centred, with stride [`DEFAULT_STRIDE`].
    pub const fn central(frames: usize) -> Self {
        Self::Central { frames, stride: DEFAULT_STRIDE }
    }

    /// Frames of each clip.
    pub const fn frames(&self) -> usize {
        match *self {
            Self::Central { frames, .. }
            | Self::From { frames, .. }
            | Self::Clips { frames, .. }
            | Self::Uniform { frames }
            | Self::Window { frames, .. } => frames,
        }
    }

    /// Number of clips taken from a video.
    pub const fn clips(&self) -> usize {
        match *self {
            Self::Clips { clips, .. } => clips,
            _ => 1,
        }
    }

    /// The frame indices of each clip in a video of `total` frames, every one below `total`.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a video without frames, for a clip without frames,
    /// for stride 0, and for a window that is empty or leaves the video.
    ///
    /// ```
    /// use tubelet::video::Sampling;
    ///
    /// assert_eq!(Sampling::Central { frames: 4, stride: 2 }.indices(10)?, [[1, 3, 5, 7]]);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    pub fn indices(&self, total: usize) -> Result<Vec<Vec<usize>>> {
        if total == 0 {
            return Err(Error::usage("a clip cannot be sampled from a video without frames"));
        }
        if self.frames() == 0 || self.clips() == 0 {
            return Err(Error::usage(format!("sampling {self} takes no frames; ask for at least one")));
        }
        if self.frames().saturating_mul(self.clips()) > MOST_FRAMES {
            return Err(Error::usage(format!("sampling {self} takes more than {MOST_FRAMES} frames; ask for fewer")));
        }
        match self {
            &Self::Central { frames, stride } | &Self::Clips { frames, stride, clips: 1 } => {
                let offset = self.slack(total, stride)? / 2;
                Ok(vec![strided(offset, frames, stride, total)])
            }
            &Self::From { frames, stride, start } => {
                self.slack(total, stride)?;
                if start >= total {
                    return Err(Error::usage(format!(
                        "a clip cannot start at frame {start} of a video of {total} frames, which are counted from 0"
                    )));
                }
                Ok(vec![strided(start, frames, stride, total)])
            }
            &Self::Clips { frames, stride, clips } => {
                let offsets = clip_offsets(self.slack(total, stride)?, clips);
                Ok(offsets.map(|offset| strided(offset, frames, stride, total)).collect())
            }
            &Self::Uniform { frames } => Ok(vec![spread(&(0..total), frames)]),
            Self::Window { frames, window } => {
                if window.is_empty() || window.end > total {
                    return Err(Error::usage(format!(
                        "sampling {self} does not fit a video of {total} frames; the window must be a part of it"
                    )));
                }
                Ok(vec![spread(window, *frames)])
            }
        }
    }

    /// The largest offset at which a clip still ends within the video: max(0, R − frames·stride).
    fn slack(&self, total: usize, stride: usize) -> Result<usize> {
        match self.frames().checked_mul(stride) {
            Some(0) | None => Err(Error::usage(format!("sampling {self} has an impossible stride; 1 or 2 are usual"))),
            Some(span) => Ok(total.saturating_sub(span)),
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Central { frames, stride } => write!(f, "{frames} frames, stride {stride}, centred"),
            Self::From { frames, stride, start } => {
                write!(f, "{frames} frames, stride {stride}, from frame {start} on")
            }
            Self::Clips { frames, stride, clips } => write!(f, "{clips} clips of {frames} frames, stride {stride}"),
            Self::Uniform { frames } => write!(f, "{frames} frames spread over the video"),
            Self::Window { frames, window } => {
                write!(f, "{frames} frames spread over frames {}..{}", window.start, window.end)
            }
        }
    }
}

fn strided(offset: usize, frames: usize, stride: usize, total: usize) -> Vec<usize> {
    (0..frames).map(|q| (offset + q * stride) % total).collect()
}

/// `clips` ≥ 2 offsets spread over 0 ..= `slack`, truncated. In f32, as TensorFlow's `linspace` computes them.
fn clip_offsets(slack: usize, clips: usize) -> impl Iterator<Item = usize> {
    let step = slack as f32 / (clips - 1) as f32;
    (0..clips).map(move |clip| if clip + 1 == clips { slack } else { ((clip as f32 * step) as usize).min(slack) })
}

/// int(clip(linspace(start, end, frames), start, end − 1)), in f64 as NumPy computes it.
fn spread(window: &Range<usize>, frames: usize) -> Vec<usize> {
    let (start, last) = (window.start, window.end - 1);
    let step = if frames > 1 { window.len() as f64 / (frames - 1) as f64 } else { 0.0 };
    (0..frames).map(|q| ((q as f64 * step + start as f64) as usize).clamp(start, last)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::ErrorKind;

    fn first(sampling: Sampling, total: usize) -> Vec<usize> {
        sampling.indices(total).unwrap().remove(0)
    }

    #[test]
    fn kinetics_clips_start_at_the_published_offsets() {
        let clips = Sampling::Clips { frames: 32, stride: 2, clips: 4 }.indices(250).unwrap();
        assert_eq!(clips.iter().map(|clip| clip[0]).collect::<Vec<_>>(), [0, 62, 124, 186]);
        assert!(clips.iter().all(|clip| clip.len() == 32 && clip[31] - clip[0] == 62));
    }

    #[test]
    fn the_central_clip_leaves_as_much_before_as_after() {
        let clip = first(Sampling::central(32), 250);
        assert_eq!((clip[0], clip[1], clip[31]), (93, 95, 155));
        assert_eq!(first(Sampling::Clips { frames: 32, stride: 2, clips: 1 }, 250), clip);
    }

    /// Of an odd number of frames to spare, the larger half lies behind the clip.
    #[test]
    fn a_central_clip_begins_earlier_where_halves_differ() {
        for (total, start) in [(8, 0), (9, 0), (10, 1), (11, 1), (12, 2), (13, 2)] {
            let clip = [0, 2, 4, 6].map(|frame| start + frame);
            assert_eq!(first(Sampling::Central { frames: 4, stride: 2 }, total), clip, "of {total}");
            assert_eq!(first(Sampling::Clips { frames: 4, stride: 2, clips: 1 }, total), clip, "of {total}");
        }
    }

    /// In f32 the last offset of some numbers of clips comes out a little below the last there is, and is truncated.
    #[test]
    fn the_last_of_several_clips_ends_where_the_video_does() {
        for clips in 2..=20 {
            for total in 8..1000 {
                let all = Sampling::Clips { frames: 4, stride: 2, clips }.indices(total).unwrap();
                let starts: Vec<usize> = all.iter().map(|clip| clip[0]).collect();
                assert_eq!((starts[0], starts[clips - 1]), (0, total - 8), "{clips} clips of {total} frames");
                assert!(starts.is_sorted());
            }
        }
    }

    #[test]
    fn a_short_video_repeats() {
        let short = first(Sampling::central(8), 5);
        assert_eq!(short, [0, 2, 4, 1, 3, 0, 2, 4]);
        let clips = Sampling::Clips { frames: 8, stride: 2, clips: 2 }.indices(5).unwrap();
        assert_eq!(clips, [short.clone(), short]);
        assert_eq!(first(Sampling::From { frames: 3, stride: 1, start: 0 }, 1), [0, 0, 0]);
    }

    #[test]
    fn a_given_start_ignores_the_length() {
        assert_eq!(first(Sampling::From { frames: 4, stride: 3, start: 5 }, 100), [5, 8, 11, 14]);
        let beyond = Sampling::From { frames: 4, stride: 3, start: 100 }.indices(100);
        assert_eq!(beyond.unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn uniform_indices_equal_the_recorded_ones() {
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/video/frames.json")).unwrap();
        let expected: Vec<usize> = serde_json::from_value(recorded["uniform_indices"].clone()).unwrap();
        assert_eq!(first(Sampling::Uniform { frames: 32 }, 132), expected);
    }

    #[test]
    fn the_window_of_the_published_test_clip() {
        // Indices of `eating_spaghetti_32_frames.npy`: 32 frames at rate 4, from frame 47.
        let expected = [
            47, 51, 55, 59, 63, 67, 71, 75, 80, 84, 88, 92, 96, 100, 104, 108, 113, 117, 121, 125, 129, 133, 137, 141,
            146, 150, 154, 158, 162, 166, 170, 174,
        ];
        assert_eq!(first(Sampling::Window { frames: 32, window: 47..175 }, 300), expected);
    }

    #[test]
    fn one_spread_frame_is_the_first() {
        assert_eq!(first(Sampling::Uniform { frames: 1 }, 9), [0]);
    }

    #[test]
    fn impossible_samplings_are_errors() {
        let window = |window| Sampling::Window { frames: 4, window };
        for (sampling, total) in [
            (Sampling::central(32), 0),
            (Sampling::central(0), 10),
            (Sampling::Central { frames: 4, stride: 0 }, 10),
            (Sampling::From { frames: 4, stride: usize::MAX, start: 0 }, 10),
            (Sampling::Uniform { frames: usize::MAX }, 10),
            (Sampling::From { frames: usize::MAX / 2, stride: 1, start: 0 }, 10),
            (Sampling::Clips { frames: 4, stride: 1, clips: 0 }, 10),
            (window(3..3), 10),
            (window(3..11), 10),
        ] {
            let error = sampling.indices(total).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        }
    }

    fn any_sampling() -> impl Strategy<Value = Sampling> {
        (1usize..70, 1usize..9, 1usize..9, 0usize..5).prop_map(|(frames, stride, clips, rule)| match rule {
            0 => Sampling::Central { frames, stride },
            1 => Sampling::From { frames, stride, start: 0 },
            2 => Sampling::Clips { frames, stride, clips },
            3 => Sampling::Uniform { frames },
            _ => Sampling::Window { frames, window: 0..1 },
        })
    }

    proptest! {
        #[test]
        fn every_index_is_a_frame(sampling in any_sampling(), total in 1usize..2000) {
            let clips = sampling.indices(total).unwrap();
            prop_assert_eq!(clips.len(), sampling.clips());
            for clip in clips {
                prop_assert_eq!(clip.len(), sampling.frames());
                prop_assert!(clip.iter().all(|&index| index < total));
            }
        }

        #[test]
        fn a_long_video_is_never_wrapped(frames in 1usize..70, stride in 1usize..9, spare in 0usize..300) {
            for sampling in [Sampling::Central { frames, stride }, Sampling::Clips { frames, stride, clips: 4 }] {
                for clip in sampling.indices(frames * stride + spare).unwrap() {
                    prop_assert!(clip.windows(2).all(|pair| pair[1] == pair[0] + stride));
                }
            }
        }
    }
}
