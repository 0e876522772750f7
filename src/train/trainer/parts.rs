//! How the clips of a step are computed: all at once, or part by part.

use std::ops::Range;

use super::TrainerOptions;
use crate::train::optimiser::Mean;

/// What one run of a graph does for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PassKind {
    /// The gradient of all clips of a batch, and the step by it.
    Whole { clips: usize },
    /// The gradient of a part of the clips, of which it has `clips` of `of`, added to their mean.
    Part { clips: usize, of: usize, mean: Mean, clipped: bool },
    /// The mean gradient of a device, clipped and added to that of the batch, of which it has `clips` of `of`.
    Device { clips: usize, of: usize },
    /// The step by the mean of the batch.
    Step { clipped: bool },
}

/// A run of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) kind: PassKind,
    /// The clips that it sees; none for one that goes on from gradients.
    pub(super) clips: Range<usize>,
    /// Whether it begins the mean that it adds to.
    pub(super) first: bool,
}

/// The runs of a step of `clips` clips.
pub(super) fn runs(clips: usize, options: &TrainerOptions) -> Vec<Run> {
    let (device, at_a_time) = sizes(clips, options);
    let (limit, each) = options.limit();
    if at_a_time >= clips {
        return vec![Run { kind: PassKind::Whole { clips }, clips: 0..clips, first: true }];
    }
    // A single device clips the gradient of the whole batch.
    let each = each && device < clips;
    let mut runs = runs_to_mean(clips, options, each);
    runs.push(step_by_mean(limit.is_some() && !each));
    runs
}

/// The runs that leave the mean gradient of `clips` clips beside the weights. Where each device clips its own gradient, so does
/// a single one: there may be others elsewhere.
pub(super) fn gradient_runs(clips: usize, options: &TrainerOptions) -> Vec<Run> {
    let (_, each) = options.limit();
    runs_to_mean(clips, options, each)
}

/// The run that takes a step by the mean gradient that lies beside the weights.
pub(super) fn update_run(options: &TrainerOptions) -> Run {
    let (limit, each) = options.limit();
    step_by_mean(limit.is_some() && !each)
}

/// Clips of a device, and those that are computed at a time.
fn sizes(clips: usize, options: &TrainerOptions) -> (usize, usize) {
    let device = options.device_batch.unwrap_or(clips).clamp(1, clips.max(1));
    (device, options.micro_batch.unwrap_or(device).clamp(1, device))
}

/// The runs that add up the mean gradient of `clips` clips, each device's clipped by itself if `each`.
fn runs_to_mean(clips: usize, options: &TrainerOptions, each: bool) -> Vec<Run> {
    let (device, at_a_time) = sizes(clips, options);
    let mut runs = Vec::new();
    for share in pieces(0..clips, if each { device } else { clips }) {
        // Parts of what a device clips by itself have a mean of their own.
        let apart = each && share.len() > at_a_time;
        let (mean, of) = if apart { (Mean::Device, share.len()) } else { (Mean::Batch, clips) };
        let begin = if apart { share.start } else { 0 };
        for part in pieces(share.clone(), at_a_time) {
            let kind = PassKind::Part { clips: part.len(), of, mean, clipped: each && !apart };
            runs.push(Run { kind, first: part.start == begin, clips: part });
        }
        if apart {
            let kind = PassKind::Device { clips: share.len(), of: clips };
            runs.push(Run { kind, clips: 0..0, first: share.start == 0 });
        }
    }
    runs
}

fn step_by_mean(clipped: bool) -> Run {
    Run { kind: PassKind::Step { clipped }, clips: 0..0, first: true }
}

/// `all` in pieces of `length`, the last of which may be shorter.
fn pieces(all: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let end = all.end;
    all.step_by(length.max(1)).map(move |start| start..end.min(start + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{ClipNorm, Clipping, Sgd};

    fn options(device: Option<usize>, micro: Option<usize>, clipping: Clipping) -> TrainerOptions {
        TrainerOptions::new(Sgd::default()).device_batch(device).micro_batch(micro).clipping(clipping)
    }

    const PART: fn(usize, usize, Mean, bool) -> PassKind =
        |clips, of, mean, clipped| PassKind::Part { clips, of, mean, clipped };

    fn kinds(clips: usize, options: &TrainerOptions) -> Vec<PassKind> {
        runs(clips, options).into_iter().map(|run| run.kind).collect()
    }

    #[test]
    fn what_fits_is_one_run() {
        let clipping = Clipping::PerDevice(ClipNorm::default());
        assert_eq!(kinds(8, &options(None, None, clipping)), [PassKind::Whole { clips: 8 }]);
        assert_eq!(kinds(3, &options(Some(4), Some(4), clipping)), [PassKind::Whole { clips: 3 }]);
    }

    #[test]
    fn parts_are_added_up_and_the_rest_counts_less() {
        let clipping = Clipping::Global(ClipNorm::default());
        let found = runs(5, &options(None, Some(2), clipping));
        let part = |clips: Range<usize>| Run {
            kind: PART(clips.len(), 5, Mean::Batch, false),
            first: clips.start == 0,
            clips,
        };
        assert_eq!(found[..3], [part(0..2), part(2..4), part(4..5)]);
        assert_eq!(found[3].kind, PassKind::Step { clipped: true });
        // On one device, clipping by device is no other.
        assert_eq!(runs(5, &options(None, Some(2), Clipping::PerDevice(ClipNorm::default()))), found);
    }

    /// A step by halves runs what a step in parts does, and one of a whole batch a mean of one part.
    #[test]
    fn halves_are_a_step_in_parts() {
        let halves = |clips: usize, options: &TrainerOptions| {
            let mut runs = gradient_runs(clips, options);
            runs.push(update_run(options));
            runs
        };
        let (all, each) = (Clipping::Global(ClipNorm::default()), Clipping::PerDevice(ClipNorm::default()));
        for options in
            [options(None, Some(2), all), options(None, Some(1), Clipping::None), options(Some(2), None, each)]
        {
            assert_eq!(halves(5, &options), runs(5, &options));
        }
        let kinds = |options: &TrainerOptions| halves(3, options).into_iter().map(|run| run.kind).collect::<Vec<_>>();
        let step = |clipped| PassKind::Step { clipped };
        assert_eq!(kinds(&options(None, None, all)), [PART(3, 3, Mean::Batch, false), step(true)]);
        assert_eq!(kinds(&options(None, None, each)), [PART(3, 3, Mean::Batch, true), step(false)]);
        let device = PassKind::Device { clips: 3, of: 3 };
        let part = |clips| PART(clips, 3, Mean::Device, false);
        assert_eq!(kinds(&options(None, Some(2), each)), [part(2), part(1), device, step(false)]);
    }

    #[test]
    fn each_device_clips_its_own_gradient() {
        let clipping = Clipping::PerDevice(ClipNorm::default());
        let whole = kinds(4, &options(Some(2), None, clipping));
        let part = PART(2, 4, Mean::Batch, true);
        assert_eq!(whole, [part, part, PassKind::Step { clipped: false }]);
        let found = runs(4, &options(Some(2), Some(1), clipping));
        let (part, device) = (PART(1, 2, Mean::Device, false), PassKind::Device { clips: 2, of: 4 });
        let kinds: Vec<_> = found.iter().map(|run| run.kind).collect();
        assert_eq!(kinds, [part, part, device, part, part, device, PassKind::Step { clipped: false }]);
        let first: Vec<_> = found.iter().map(|run| run.first).collect();
        assert_eq!(first, [true, false, true, true, false, false, true]);
    }
}
