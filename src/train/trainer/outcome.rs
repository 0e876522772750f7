//! What steps show.

use std::cmp::Ordering;

use super::TrainerOptions;
use super::parts::{PassKind, Run};
use super::passes::Pass;
use crate::tensor::{Error, ErrorKind, Result, Tensor};
use crate::train::check_step;

/// What a step has shown.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepOutcome {
    /// The mean over clips and heads, of targets smoothed as the objective has it, before the update.
    pub loss: f64,
    /// The norm of the gradient over all weights that learn, before clipping; where each device clips its own, the mean of
    /// their norms.
    pub norm: f64,
    /// `[B, K]`, before the update.
    pub logits: Tensor,
    /// For each stack of weights, where gradients are looked at, the sum of the squares of its gradient, in the order of the
    /// forward pass; of a batch in parts, that of the part with the longest gradient.
    pub squares: Vec<(String, f64)>,
}

impl StepOutcome {
    /// An error ([`Device`](ErrorKind::Device)) where loss or norm is no number: then neither are the weights by now. `step`
    /// counts from 0, and from 1 in what is said.
    pub fn check(&self, step: u64) -> Result<()> {
        check_step(step + 1, self.loss as f32, self.norm as f32).map_err(|error| {
            let first = self.first_wrong().map(|name| format!("; the gradient is no number from {name} on"));
            Error::new(ErrorKind::Device, format!("{error}{}", first.unwrap_or_default()))
        })
    }

    /// The first weights whose gradient is no number, where gradients are looked at.
    pub fn first_wrong(&self) -> Option<&str> {
        self.squares.iter().find(|(_, square)| !square.is_finite()).map(|(name, _)| name.as_str())
    }

    /// The weights with the longest gradient, where gradients are looked at.
    pub fn longest(&self) -> Option<&str> {
        self.squares.iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(name, _)| name.as_str())
    }
}

/// What one run has shown.
pub(super) struct Shown {
    norm: f64,
    of_clips: Option<ShownOfClips>,
}

/// Loss, logits, and the sum of squares of each stack.
type ShownOfClips = (f64, Vec<f32>, Vec<(String, f64)>);

impl Shown {
    pub(super) fn of(pass: &Pass, found: Vec<Tensor>) -> Result<Self> {
        let first =
            |tensor: &Tensor| -> Result<f64> { Ok(tensor.as_f32()?.first().copied().map_or(f64::NAN, f64::from)) };
        let [norm, rest @ ..] = found.as_slice() else { return Err(Error::usage("a step has shown nothing")) };
        let norm = first(norm)?;
        let (Some(of_clips), [losses, logits, sums @ ..]) = (&pass.of_clips, rest) else {
            return Ok(Self { norm, of_clips: None });
        };
        let loss = losses.as_f32()?.iter().map(|loss| f64::from(*loss)).sum();
        let mut squares = Vec::with_capacity(sums.len());
        let mut before = 0.0;
        for ((name, _), sum) in of_clips.square_sums.iter().zip(sums) {
            let sum = first(sum)?;
            squares.push((name.clone(), sum - before));
            before = sum;
        }
        Ok(Self { norm, of_clips: Some((loss, logits.as_f32()?.to_vec(), squares)) })
    }
}

/// What the runs of a step have shown so far.
#[derive(Default)]
pub(super) struct Seen {
    loss: f64,
    logits: Vec<f32>,
    squares: Vec<(String, f64)>,
    /// The longest gradient among the parts.
    longest: f64,
    /// The norms of devices, each with how many of the clips it has.
    devices: Vec<(f64, f64)>,
    /// That of the step.
    norm: f64,
}

impl Seen {
    /// Adds a run of a step of `clips` clips.
    pub(super) fn add(&mut self, run: &Run, clips: usize, Shown { norm, of_clips }: Shown) -> Result<()> {
        let share = |own: usize| own as f64 / clips as f64;
        if let Some((loss, logits, squares)) = of_clips {
            self.loss += loss * share(run.clips.len());
            self.logits.extend(logits);
            // Also where it is no number.
            let longer = !matches!(norm.partial_cmp(&self.longest), Some(Ordering::Less));
            if longer && (self.longest.is_finite() || self.squares.is_empty()) {
                (self.squares, self.longest) = (squares, norm);
            }
        }
        match run.kind {
            PassKind::Part { clipped: true, .. } => self.devices.push((norm, share(run.clips.len()))),
            PassKind::Device { clips: own, .. } => self.devices.push((norm, share(own))),
            PassKind::Whole { .. } | PassKind::Step { .. } => self.norm = norm,
            PassKind::Part { .. } => {}
        }
        Ok(())
    }

    pub(super) fn outcome(self, options: &TrainerOptions, classes: usize) -> Result<StepOutcome> {
        let Self { loss, logits, squares, devices, norm, .. } = self;
        let (_, each) = options.limit();
        let norm = match each && !devices.is_empty() {
            true => devices.iter().map(|(norm, share)| norm * share).sum(),
            false => norm,
        };
        let logits = Tensor::f32([logits.len() / classes.max(1), classes], logits)?;
        Ok(StepOutcome { loss, norm, logits, squares })
    }
}
