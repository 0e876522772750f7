//! Cutting a call along its frames.

use std::ops::Range;

use crate::gpu::Limits;
use crate::kernels::contract::cut;
use crate::tensor::Result;

/// Frames that one launch handles.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kernels) struct Run {
    /// How many.
    pub(in crate::kernels) frames: usize,
    /// Where they lie in the input.
    pub(in crate::kernels) input: Part,
    /// Where they lie in the output.
    pub(in crate::kernels) output: Part,
}

/// The part of an operand that a launch sees.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kernels) struct Part {
    /// Its bytes, beginning where a binding may.
    pub(in crate::kernels) window: Range<u64>,
    /// The element of the window that the first frame begins with.
    pub(in crate::kernels) first: u32,
}

/// Cuts `frames` into the longest runs whose input and output fit a binding each.
///
/// A frame may have any number of elements: windows begin at the aligned offset before their first frame.
pub(in crate::kernels) fn runs(frames: usize, input: usize, output: usize, limits: &Limits) -> Result<Vec<Run>> {
    let part = |run: &Range<usize>, elements: usize| {
        let (window, first) = cut::align_down(cut::bytes(run, 4 * elements), limits);
        Part { window, first }
    };
    let runs = cut::runs_anywhere(frames, &[4 * input as u64, 4 * output as u64], limits)?;
    Ok(runs.iter().map(|run| Run { frames: run.len(), input: part(run, input), output: part(run, output) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_any_size_are_covered_once_by_aligned_windows_that_fit() {
        let limits = Limits { binding_bytes: 4096, ..Limits::WEBGPU };
        let (input, output) = (91, 235);
        let runs = runs(11, input, output, &limits).unwrap();
        assert!(runs.len() > 1);
        let mut frame = 0;
        for run in &runs {
            for (part, elements) in [(&run.input, input), (&run.output, output)] {
                assert_eq!(part.window.start % 256, 0);
                assert_eq!(part.window.start + 4 * u64::from(part.first), 4 * (frame * elements) as u64);
                assert_eq!(part.window.end, 4 * ((frame + run.frames) * elements) as u64);
                assert!(part.window.end - part.window.start <= limits.binding_bytes);
            }
            frame += run.frames;
        }
        assert_eq!(frame, 11);
        assert!(super::runs(4, 1025, 1, &limits).is_err());
    }
}
