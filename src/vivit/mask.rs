//! Masks: which frames of a clip count, and whether the future is hidden (spec §4.2).

use std::fmt;

use super::Config;
use crate::kernels::attention::EmptyRow;
use crate::tensor::{Error, Result, Tensor, named};

/// What a model does not see of a clip. By default it sees everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameMask {
    /// Which frames are valid, F for each clip of the batch, clip after clip; `None` where all are. They need not be
    /// contiguous.
    pub valid: Option<Vec<bool>>,
    /// When a tubelet is valid.
    pub tubelets: TubeletRule,
    /// Whether tokens see their own and earlier temporal indices only. A token sees all frames of its tubelet.
    pub causal: bool,
    /// The output for a query that sees no key.
    pub empty_row: EmptyRow,
}

/// When a tubelet of valid and invalid frames is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TubeletRule {
    /// Where all of its frames are valid.
    #[default]
    All,
    /// Where any of its frames is valid.
    Any,
}

named!(TubeletRule, "the rule of tubelets": All = "all", Any = "any");

/// What a recorded graph can mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphMask {
    /// Whether it has the input `validity`, words of [B, T]: 0 for a temporal index that is not seen.
    pub frames: bool,
    /// Whether tokens see their own and earlier temporal indices only.
    pub causal: bool,
    /// The output for a query that sees no key.
    pub empty_row: EmptyRow,
}

impl GraphMask {
    /// Whether the graph has the input `validity`.
    #[must_use]
    pub fn frames(self, frames: bool) -> Self {
        Self { frames, ..self }
    }

    /// Whether tokens see their own and earlier temporal indices only.
    #[must_use]
    pub fn causal(self, causal: bool) -> Self {
        Self { causal, ..self }
    }

    /// The output for a query that sees no key.
    #[must_use]
    pub fn empty_row(self, empty_row: EmptyRow) -> Self {
        Self { empty_row, ..self }
    }

    /// Everything is seen.
    pub const NONE: Self = Self { frames: false, causal: false, empty_row: EmptyRow::Zero };
}

impl FrameMask {
    /// Everything is seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// These frames are valid, F for each clip of the batch, clip after clip; `None` for all of them.
    #[must_use]
    pub fn valid(self, valid: impl Into<Option<Vec<bool>>>) -> Self {
        Self { valid: valid.into(), ..self }
    }

    /// A tubelet is valid by this rule.
    #[must_use]
    pub fn tubelets(self, tubelets: TubeletRule) -> Self {
        Self { tubelets, ..self }
    }

    /// Whether tokens see their own and earlier temporal indices only.
    #[must_use]
    pub fn causal(self, causal: bool) -> Self {
        Self { causal, ..self }
    }

    /// The output for a query that sees no key.
    #[must_use]
    pub fn empty_row(self, empty_row: EmptyRow) -> Self {
        Self { empty_row, ..self }
    }

    /// The mask that a recorded graph needs for this one.
    pub(crate) fn masking(&self) -> GraphMask {
        GraphMask { frames: self.valid.is_some(), causal: self.causal, empty_row: self.empty_row }
    }

    /// The mask of the clips in `batch` alone.
    #[must_use]
    pub(crate) fn of_clips(&self, batch: std::ops::Range<usize>, frames: usize) -> Self {
        let valid = self.valid.as_ref().and_then(|valid| valid.get(batch.start * frames..batch.end * frames));
        Self { valid: valid.map(<[bool]>::to_vec), ..self.clone() }
    }

    /// The graph's input `validity`, [B, T], for `batch` clips; `None` where all frames are valid.
    ///
    /// # Errors
    ///
    /// Another number of frames than the clips have, and a clip without a valid tubelet.
    pub fn validity(&self, config: &Config, batch: usize) -> Result<Option<Tensor>> {
        let Some(valid) = &self.valid else { return Ok(None) };
        if valid.len() != batch * config.frames {
            return Err(Error::usage(format!(
                "the mask is for {} frames, but {batch} clips of {} have {}",
                valid.len(),
                config.frames,
                batch * config.frames
            )));
        }
        let times = config.grid().temporal;
        let words: Vec<u32> =
            valid.chunks(config.frames).flat_map(|clip| self.tubelets_of(config, clip)).map(u32::from).collect();
        if let Some(clip) = words.chunks(times).position(|clip| clip.iter().all(|valid| *valid == 0)) {
            return Err(Error::usage(format!(
                "clip {clip} has no valid tubelet: nothing of it would be seen (a tubelet has {} frames)",
                config.tubelet.frames
            )));
        }
        Tensor::u32([batch, times], words).map(Some)
    }

    /// Which temporal indices of one clip are valid.
    fn tubelets_of(&self, config: &Config, frames: &[bool]) -> Vec<bool> {
        if let Some(sampling) = config.frame_sampling {
            return sampling.indices(config.frames).into_iter().map(|index| frames[index]).collect();
        }
        let valid = |tubelet: &[bool]| match self.tubelets {
            TubeletRule::All => tubelet.iter().all(|frame| *frame),
            TubeletRule::Any => tubelet.iter().any(|frame| *frame),
        };
        frames.chunks_exact(config.tubelet.frames).map(valid).collect()
    }
}

/// The settings that have an effect: `none`, or `causal, frames 0-3,6 (tubelets where all are valid), empty rows zero`.
impl fmt::Display for FrameMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.causal {
            parts.push("causal".to_owned());
        }
        if let Some(valid) = &self.valid {
            let frames: Vec<usize> = (0..valid.len()).filter(|frame| valid[*frame]).collect();
            let ranges = frames.chunk_by(|before, after| before + 1 == *after).map(|range| match range {
                [first, .., last] => format!("{first}-{last}"),
                range => range.iter().map(usize::to_string).collect(),
            });
            let (which, rows) = (self.tubelets, self.empty_row);
            let ranges = ranges.collect::<Vec<_>>().join(",");
            parts.push(format!("frames {ranges} (tubelets where {which} are valid), empty rows {rows}"));
        }
        if parts.is_empty() {
            parts.push("none".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{FrameSampling, Tubelet};

    fn config() -> Config {
        let tubelet = Tubelet { frames: 2, rows: 16, columns: 16 };
        Config { frames: 7, tubelet, ..Config::named("vit-ti").unwrap() }
    }

    fn mask(valid: &[u8], tubelets: TubeletRule) -> FrameMask {
        let valid = valid.iter().map(|frame| *frame == 1).collect();
        FrameMask { valid: Some(valid), tubelets, ..FrameMask::default() }
    }

    #[test]
    fn a_tubelet_is_valid_by_the_rule() {
        let frames = [1, 1, 1, 0, 0, 0, 1];
        let words = |rule| mask(&frames, rule).validity(&config(), 1).unwrap().unwrap().as_u32().unwrap().to_vec();
        assert_eq!(words(TubeletRule::All), [1, 0, 0]);
        assert_eq!(words(TubeletRule::Any), [1, 1, 0]);
    }

    /// A tubelet counts by each of its frames, not by its first.
    #[test]
    fn any_frame_of_a_tubelet_makes_it_valid() {
        let words = |frames: &[u8], rule| {
            mask(frames, rule).validity(&config(), 1).unwrap().unwrap().as_u32().unwrap().to_vec()
        };
        assert_eq!(words(&[0, 1, 1, 0, 0, 0, 0], TubeletRule::Any), [1, 1, 0]);
        assert_eq!(words(&[0, 1, 1, 0, 1, 1, 0], TubeletRule::All), [0, 0, 1]);
    }

    #[test]
    fn a_mask_is_told_in_words() {
        assert_eq!(FrameMask::default().to_string(), "none");
        let some = mask(&[1, 1, 1, 1, 0, 0, 1], TubeletRule::Any);
        assert_eq!(some.to_string(), "frames 0-3,6 (tubelets where any are valid), empty rows zero");
        let causal = FrameMask { causal: true, ..FrameMask::default() };
        assert_eq!(causal.to_string(), "causal");
        let both = FrameMask { causal: true, empty_row: EmptyRow::Uniform, ..mask(&[0, 1], TubeletRule::All) };
        assert_eq!(both.to_string(), "causal, frames 1 (tubelets where all are valid), empty rows uniform");
    }

    #[test]
    fn sampled_frames_are_valid_by_themselves() {
        let tubelet = Tubelet { frames: 1, rows: 16, columns: 16 };
        let sampling = FrameSampling { frames: 2, arange_quirk: false };
        let config = Config { tubelet, frame_sampling: Some(sampling), ..config() };
        assert_eq!(sampling.indices(7), [2, 5]);
        let validity = mask(&[0, 0, 1, 0, 0, 0, 0], TubeletRule::All).validity(&config, 1).unwrap().unwrap();
        assert_eq!(validity.as_u32().unwrap(), [1, 0]);
    }

    #[test]
    fn a_clip_without_a_valid_tubelet_is_refused() {
        let frames = [[1; 7], [1, 0, 0, 1, 0, 1, 1]].concat();
        let error = mask(&frames, TubeletRule::All).validity(&config(), 2).unwrap_err().to_string();
        assert!(error.contains("clip 1 has no valid tubelet"), "{error}");
        assert!(mask(&frames, TubeletRule::Any).validity(&config(), 2).is_ok());
        assert!(mask(&[1; 6], TubeletRule::All).validity(&config(), 1).is_err());
    }
}
