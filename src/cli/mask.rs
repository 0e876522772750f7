//! Which frames of a clip count: what `classify`, `forward` and others share.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use tubelet::kernels::attention::EmptyRow;
use tubelet::tensor::{Error, Result};
use tubelet::vivit::{FrameMask, TubeletRule};

use super::known::known;

/// What the model does not see of a clip.
#[derive(clap::Args)]
pub(super) struct MaskArguments {
    /// Only these frames of the clip count, counted from 0 within it: 0-15,20. All others are masked in attention and
    /// pooling.
    #[arg(long, value_name = "FRAMES", help_heading = "Masks", hide_short_help = true)]
    valid_frames: Option<FrameRanges>,
    /// No token sees a later temporal index than its own.
    #[arg(long, help_heading = "Masks")]
    pub(super) causal: bool,
    /// A tubelet of valid and masked frames counts where all of its frames do, or where any does.
    #[arg(long, value_name = "RULE", default_value_t, help_heading = "Masks", hide_short_help = true,
        value_parser = known::<TubeletRule>(TubeletRule::ALL.iter().map(|one| one.name())))]
    tubelet_mask: TubeletRule,
    /// What attention gives to a token that sees nothing: zero, or the mean of everything, as some implementations do.
    #[arg(long, value_name = "WHAT", default_value_t, help_heading = "Masks", hide_short_help = true,
        value_parser = known::<EmptyRow>(EmptyRow::ALL.iter().map(|one| one.name())))]
    empty_row: EmptyRow,
}

/// Frames of a clip: `0-15,20`.
#[derive(Clone, Debug, PartialEq)]
struct FrameRanges(Vec<RangeInclusive<usize>>);

impl MaskArguments {
    /// What is masked, in a few words; `None` where nothing is.
    pub(super) fn describe(&self) -> Option<String> {
        let valid = self.valid_frames.as_ref().map(|ranges| format!("frames {ranges} alone are valid"));
        let causal = self.causal.then(|| "causal".to_owned());
        let masks: Vec<_> = valid.into_iter().chain(causal).collect();
        (!masks.is_empty()).then(|| masks.join(", "))
    }

    /// The mask for each of `clips` clips of `frames` frames.
    pub(super) fn mask(&self, clips: usize, frames: usize) -> Result<FrameMask> {
        let valid = self.valid_frames.as_ref().map(|ranges| ranges.within(frames)).transpose()?;
        let valid = valid.map(|clip| clip.repeat(clips));
        Ok(FrameMask::new().valid(valid).tubelets(self.tubelet_mask).causal(self.causal).empty_row(self.empty_row))
    }
}

impl FrameRanges {
    /// Which of `frames` frames these are.
    fn within(&self, frames: usize) -> Result<Vec<bool>> {
        match self.0.iter().find(|range| *range.end() >= frames) {
            Some(range) => Err(Error::usage(format!(
                "--valid-frames names frame {}, but the model's clips have {frames} (0 to {})",
                range.end(),
                frames - 1
            ))),
            None => Ok((0..frames).map(|frame| self.0.iter().any(|range| range.contains(&frame))).collect()),
        }
    }
}

impl fmt::Display for FrameRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |range: &RangeInclusive<usize>| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        f.write_str(&self.0.iter().map(range).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for FrameRanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| format!("\"{text}\" is no frame"));
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last { Err(format!("\"{part}\" ends before it begins")) } else { Ok(first..=last) }
        };
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_given_as_ranges() {
        let ranges: FrameRanges = "1-2,4".parse().unwrap();
        assert_eq!(ranges.within(6).unwrap(), [false, true, true, false, true, false]);
        assert_eq!(ranges.to_string(), "1-2,4");
        assert!(ranges.within(4).unwrap_err().to_string().contains("frame 4"), "there are frames 0 to 3");
        for wrong in ["", "x", "3-1", "1-", "1,,2", "-1"] {
            assert!(wrong.parse::<FrameRanges>().is_err(), "{wrong}");
        }
    }
}
