//! How large clips are. The parameters tell only how many tokens a clip makes.

use super::reconciliation::Reconciliation;
use super::released::{FRAMES, SIDE};
use crate::checkpoint::disagreements::{counted, listed};
use crate::checkpoint::hints::size_flag;
use crate::tensor::{Error, Result};
use crate::vivit::{Config, FrameSampling, Grid};

/// Possibilities that a sentence lists.
const MOST_EXAMPLES: usize = 8;

/// What is known of the clips.
pub(super) struct Extent {
    pub(super) frames: Option<usize>,
    /// Rows and columns of pixels.
    pub(super) size: Option<[usize; 2]>,
}

impl Reconciliation<'_> {
    /// The size of clips; what cannot be told is `open`.
    pub(super) fn extent(&self, released: bool, open: &mut Vec<String>) -> Extent {
        if released {
            return Extent { frames: Some(FRAMES), size: Some([SIDE; 2]) };
        }
        let found = self.found;
        let size = self.said.size.or(self.hints.size);
        let frames = self.said.frames.or(self.hints.frames);
        let temporal = self.temporal_tokens(frames, size);
        let extent = Extent { frames: frames.or_else(|| temporal?.checked_mul(found.tubelet_frames?)), size };
        match (extent.size, extent.frames) {
            (None, None) if !found.factorised_encoder => open.push(self.both_open()),
            (None, _) => open.push(self.size_open(temporal)),
            _ => {}
        }
        if extent.frames.is_none() && (extent.size.is_some() || found.factorised_encoder) {
            open.push(match found.tubelet_frames {
                None => "--frames N: of how many frames some are sampled shows in no parameter".into(),
                Some(_) => "--frames N: how many frames a clip has shows in no parameter".into(),
            });
        }
        extent
    }

    /// T, as far as the parameters tell it, or together with what is known of clips.
    pub(super) fn temporal_tokens(&self, frames: Option<usize>, size: Option<[usize; 2]>) -> Option<usize> {
        let found = self.found;
        if found.factorised_encoder {
            return found.temporal.map(|encoder| encoder.tokens);
        }
        let [rows, columns] = found.patch;
        let spatial = size.and_then(|size| (size[0] / rows).checked_mul(size[1] / columns));
        let by_size = spatial.and_then(|spatial| found.encoder.tokens.checked_div(spatial));
        by_size.or_else(|| Some(frames? / found.tubelet_frames?)).filter(|&temporal| temporal > 0)
    }

    /// The question where only the number of tokens is known.
    fn both_open(&self) -> String {
        let found = self.found;
        let tokens = found.encoder.tokens;
        let temporal_indices = divisors(tokens);
        let square = |temporal: &usize| (tokens / temporal).isqrt().pow(2) == tokens / temporal;
        let mut likely: Vec<_> = temporal_indices.iter().copied().filter(square).collect();
        if likely.is_empty() {
            likely = temporal_indices;
        }
        let example = |temporal: usize| {
            let sizes = self.sizes(tokens / temporal);
            let size = sizes.first().copied().map(size_flag).unwrap_or_default();
            match found.tubelet_frames {
                Some(frames) => format!("--frames {} {size}", temporal * frames),
                None => format!("--frames N {size} ({temporal} sampled)"),
            }
        };
        format!(
            "--frames N --size HxW: how {tokens} tokens divide into time, rows and columns shows in no parameter; it \
             may be {}",
            examples(likely.into_iter().map(example))
        )
    }

    /// The question where the size of frames is not known, but perhaps T is.
    fn size_open(&self, temporal: Option<usize>) -> String {
        let found = self.found;
        let spatial = match found.factorised_encoder {
            true => Some(found.encoder.tokens),
            false => temporal.map(|temporal| found.encoder.tokens / temporal),
        };
        match spatial {
            Some(spatial) => format!(
                "--size HxW: how {} divide into rows and columns shows in no parameter; it may be {}",
                counted(spatial, "token", "s of a temporal index"),
                examples(self.sizes(spatial).into_iter().map(size_flag))
            ),
            None => "--size HxW: how large a frame is shows in no parameter".into(),
        }
    }

    /// Rows and columns of pixels that make that many tokens, squares first.
    fn sizes(&self, tokens: usize) -> Vec<[usize; 2]> {
        let [rows, columns] = self.found.patch;
        let mut grids: Vec<_> = divisors(tokens).into_iter().map(|down| [down, tokens / down]).collect();
        grids.sort_by_key(|[down, across]| (down.abs_diff(*across), *down));
        grids.into_iter().map(|[down, across]| [down * rows, across * columns]).collect()
    }

    /// `config`, where it has as many tokens as the parameters have positions; it samples one frame more where that makes
    /// them equal.
    pub(super) fn with_all_tokens(&self, config: Config) -> Result<Config> {
        if self.positions_of(&config) {
            return Ok(config);
        }
        let quirk = |sampling: FrameSampling| FrameSampling { arange_quirk: true, ..sampling };
        let one_more = Config { frame_sampling: config.frame_sampling.map(quirk), ..config.clone() };
        if self.positions_of(&one_more) {
            return Ok(one_more);
        }
        Err(self.other_tokens(&config))
    }

    /// The error of a model that has other tokens than the parameters have positions.
    fn other_tokens(&self, config: &Config) -> Error {
        let found = self.found;
        let stored = match (found.factorised_encoder, found.temporal) {
            (true, Some(temporal)) => format!("{}×{}", temporal.tokens, found.encoder.tokens),
            (true, None) => format!("{} a temporal index", found.encoder.tokens),
            (false, _) => found.encoder.tokens.to_string(),
        };
        let said = [(self.said.frames.is_some(), "num_frames"), (self.said.size.is_some(), "crop_size, height, width")];
        let fields: Vec<_> = said.iter().filter(|(said, _)| *said).map(|(_, field)| (*field).to_owned()).collect();
        let source = match self.config.filter(|_| !fields.is_empty()) {
            Some(path) => format!("{} (dataset_configs: {})", path.display(), listed(&fields)),
            None => "what is told of it".into(),
        };
        let Config { frames, rows, columns, .. } = *config;
        let Grid { temporal, rows: down, columns: across } = config.grid();
        let message = format!(
            "{} does not fit {source}: clips of {frames} frames of {rows}×{columns} make {temporal}×{down}×{across} \
             tokens where the weights have positions for {stored}",
            self.weights.display(),
        );
        if fields.is_empty() { Error::usage(message) } else { Error::file(message) }
    }

    /// Whether the parameters have a position for each of the model's tokens.
    fn positions_of(&self, config: &Config) -> bool {
        let (found, grid) = (self.found, config.grid());
        match found.factorised_encoder {
            true => {
                let temporal = found.temporal.is_none_or(|encoder| encoder.tokens == grid.temporal);
                temporal && found.encoder.tokens == grid.spatial()
            }
            false => found.encoder.tokens == grid.tokens(),
        }
    }
}

/// In ascending order.
fn divisors(number: usize) -> Vec<usize> {
    let small: Vec<_> = (1..=number.isqrt()).filter(|divisor| number.is_multiple_of(*divisor)).collect();
    let large = small.iter().rev().filter(|&&divisor| number / divisor > divisor).map(|divisor| number / divisor);
    small.iter().copied().chain(large).collect()
}

/// `a, b, …`: as many as fit a sentence.
fn examples(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<_> = all.collect();
    if all.len() > MOST_EXAMPLES {
        all.truncate(MOST_EXAMPLES);
        all.push("…".into());
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_ascend_and_do_not_repeat() {
        assert_eq!(divisors(12), [1, 2, 3, 4, 6, 12]);
        assert_eq!(divisors(16), [1, 2, 4, 8, 16]);
        assert_eq!(divisors(1 << 40), (0..=40).map(|power| 1 << power).collect::<Vec<_>>());
    }
}
