//! Cutting a call into launches that fit a device's limits.

use std::ops::Range;

use crate::gpu::Limits;
use crate::tensor::{Element, Error, Result};

/// `count` workgroups as x, y and z: a workgroup's number is `x + y · num_workgroups.x`, and it returns at once where
/// that is not below `count`.
pub(in crate::kernels) fn fold_groups(count: u64, limits: &Limits) -> Result<[u32; 3]> {
    let widest = u64::from(limits.workgroups);
    let x = count.clamp(1, widest);
    let y = count.div_ceil(x).max(1);
    if y > widest {
        return Err(Error::unsupported(format!(
            "{count} workgroups are more than the {widest} × {widest} that this device runs"
        )));
    }
    Ok([x as u32, y as u32, 1])
}

/// Cuts `units` equal pieces of work into the longest runs whose bytes stay within one binding.
///
/// `bytes_per_unit` holds the size of one unit in every operand that is cut along. Every run but the last is a multiple
/// of `step` units, and starts at an offset that the device accepts.
pub(in crate::kernels) fn runs(
    units: usize,
    step: usize,
    bytes_per_unit: &[u64],
    limits: &Limits,
) -> Result<Vec<Range<usize>>> {
    let largest = bytes_per_unit.iter().copied().max().unwrap_or(0).max(1);
    if units as u64 * largest <= limits.binding_bytes {
        return Ok(std::iter::once(0..units).collect());
    }
    let alignment = u64::from(limits.storage_alignment.max(1));
    let aligned_step = bytes_per_unit.iter().fold(step.max(1) as u64, |step, &bytes| {
        let offset = step * bytes;
        step * (alignment / gcd(alignment, offset.max(1)))
    });
    let run = limits.binding_bytes / largest / aligned_step * aligned_step;
    if run == 0 {
        return Err(Error::unsupported(format!(
            "the smallest piece has {} bytes, but bindings have at most {}",
            aligned_step * largest,
            limits.binding_bytes
        )));
    }
    let run = run as usize;
    Ok((0..units).step_by(run).map(|start| start..units.min(start + run)).collect())
}

/// Like [`runs`], for kernels that take offsets: every operand that is cut is bound by [`align_down`], so a run may start
/// anywhere.
pub(in crate::kernels) fn runs_anywhere(
    units: usize,
    bytes_per_unit: &[u64],
    limits: &Limits,
) -> Result<Vec<Range<usize>>> {
    let room = room_anywhere(limits);
    runs(units, 1, bytes_per_unit, &Limits { binding_bytes: room, storage_alignment: 1, ..limits.clone() })
}

/// The largest operand, in bytes, that fits a binding wherever it starts: [`align_down`] adds less than one alignment.
pub(in crate::kernels) fn room_anywhere(limits: &Limits) -> u64 {
    limits.binding_bytes.saturating_sub(u64::from(limits.storage_alignment))
}

/// `range` in units of `bytes_per_unit`, in bytes.
pub(in crate::kernels) fn bytes(range: &Range<usize>, bytes_per_unit: usize) -> Range<u64> {
    (range.start * bytes_per_unit) as u64..(range.end * bytes_per_unit) as u64
}

/// `range` (bytes) widened so that it starts where a binding may, and by how many of these elements.
pub(in crate::kernels) fn align_down(range: Range<u64>, element: Element, limits: &Limits) -> (Range<u64>, u32) {
    let alignment = u64::from(limits.storage_alignment.max(1));
    let start = range.start / alignment * alignment;
    (start..range.end, ((range.start - start) / element.bytes_of(1)) as u32)
}

/// An error where one invocation of a kernel would run more loop iterations than the device runs.
pub(in crate::kernels) fn check_iterations(iterations: u64, limits: &Limits) -> Result<()> {
    match limits.loop_iterations {
        Some(most) if iterations > u64::from(most) => Err(Error::unsupported(format!(
            "an invocation would need {iterations} loop iterations, and this device stops silently after {most}"
        ))),
        _ => Ok(()),
    }
}

/// Frames that one launch handles.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FrameRun {
    /// Their number.
    pub frames: usize,
    /// The part of the input that has them.
    pub input: Seen,
    /// The part of the output that has them.
    pub output: Seen,
}

/// The part of an operand that a launch sees.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Seen {
    /// Its bytes, beginning where a binding may.
    pub window: Range<u64>,
    /// Index in the window, in elements, of the start of the first frame.
    pub first: u32,
}

/// Cuts `frames` into the longest runs whose input and output fit a binding each.
///
/// A frame may have any number of elements: windows begin at the aligned offset before their first frame.
pub(in crate::kernels) fn frames(frames: usize, input: usize, output: usize, limits: &Limits) -> Result<Vec<FrameRun>> {
    let part = |run: &Range<usize>, elements: usize| {
        let (window, first) = align_down(bytes(run, elements * Element::F32.bytes()), Element::F32, limits);
        Seen { window, first }
    };
    let runs = runs_anywhere(frames, &[input, output].map(|elements| Element::F32.bytes_of(elements)), limits)?;
    Ok(runs
        .iter()
        .map(|run| FrameRun { frames: run.len(), input: part(run, input), output: part(run, output) })
        .collect())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(binding_bytes: u64) -> Limits {
        Limits { binding_bytes, ..Limits::WEBGPU }
    }

    #[test]
    fn groups_fold_into_two_dimensions() {
        assert_eq!(fold_groups(7, &limits(1)).unwrap(), [7, 1, 1]);
        assert_eq!(fold_groups(65_536, &limits(1)).unwrap(), [65_535, 2, 1]);
        assert!(fold_groups(65_535 * 65_535 + 1, &limits(1)).is_err());
    }

    #[test]
    fn runs_cover_everything_once_at_aligned_offsets() {
        let runs = runs(1000, 1, &[12, 40], &limits(10_000)).unwrap();
        assert!(runs.len() > 1);
        assert_eq!(runs.first().unwrap().start, 0);
        assert_eq!(runs.last().unwrap().end, 1000);
        for pair in runs.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
            assert_eq!(pair[1].start * 12 % 256, 0);
            assert_eq!(pair[1].start * 40 % 256, 0);
        }
        assert!(runs.iter().all(|run| run.len() * 40 <= 10_000));
    }

    #[test]
    fn runs_anywhere_stay_within_a_binding_once_aligned() {
        let limits = limits(1000);
        let runs = runs_anywhere(50, &[84], &limits).unwrap();
        assert_eq!(runs.iter().map(ExactSizeIterator::len).sum::<usize>(), 50);
        for run in runs {
            let (window, base) = align_down(bytes(&run, 84), Element::F32, &limits);
            assert!(window.start % 256 == 0 && window.end - window.start <= 1000);
            assert_eq!(window.start + 4 * u64::from(base), 84 * run.start as u64);
        }
    }

    #[test]
    fn what_cannot_be_cut_is_an_error() {
        assert!(runs(4, 1, &[1 << 20], &limits(1 << 16)).is_err());
    }

    #[test]
    fn frames_of_any_size_are_covered_once_by_aligned_windows_that_fit() {
        let limits = Limits { binding_bytes: 4096, ..Limits::WEBGPU };
        let (input, output) = (91, 235);
        let runs = frames(11, input, output, &limits).unwrap();
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
        assert!(frames(4, 1025, 1, &limits).is_err());
    }
}
