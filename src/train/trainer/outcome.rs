//! What steps show.

use std::cmp::Ordering;

use super::parts::{PassKind, Run};
use super::passes::Pass;
use crate::tensor::{Error, ErrorKind, Result, Tensor};
use crate::train::check_step;

/// What the first half of a step has shown: the gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GradientOutcome {
    /// As [`StepOutcome::loss`].
    pub loss: f64,
    /// The mean of the norms of all devices before clipping, where each has clipped its own gradient; else `None`: the update
    /// finds the norm of what it steps by.
    pub norm: Option<f64>,
    /// As [`StepOutcome::logits`].
    pub logits: Tensor,
    /// As [`StepOutcome::squares`].
    pub squares: Vec<(String, f64)>,
    /// As [`StepOutcome::activations`].
    pub activations: Vec<(String, f64)>,
}

impl GradientOutcome {
    /// What the whole step has shown, whose update has found this norm.
    pub fn updated(self, norm: f64) -> StepOutcome {
        let Self { loss, norm: of_devices, logits, squares, activations } = self;
        StepOutcome { loss, norm: of_devices.unwrap_or(norm), logits, squares, activations }
    }
}

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
    /// Where it is looked at, the sum of the squares of what each block of an encoder gives, by the path of its parameters,
    /// and of what enters the first block of one, in the order of the forward pass; of a batch in parts, those of the first
    /// part in which they are no numbers, else of the last.
    pub activations: Vec<(String, f64)>,
}

impl StepOutcome {
    /// An error ([`Device`](ErrorKind::Device)) where loss or norm is no number: then neither are the weights by now. `step`
    /// counts from 0, and from 1 in what is said. The layer is named where it is known.
    pub fn check(&self, step: u64) -> Result<()> {
        check_step(step + 1, self.loss as f32, self.norm as f32).map_err(|error| {
            let (pass, place) = match self.loss.is_finite() {
                true => ("backward", self.first_wrong()),
                false => ("forward", self.first_wrong_activation()),
            };
            let layer = place.map(|place| format!("; the {pass} pass gives no numbers from {place} on"));
            Error::new(ErrorKind::Device, format!("{error}{}", layer.unwrap_or_default()))
        })
    }

    /// The first weights of the backward pass whose gradient is no number, where gradients are looked at.
    pub fn first_wrong(&self) -> Option<&str> {
        self.squares.iter().rfind(|(_, square)| !square.is_finite()).map(|(name, _)| name.as_str())
    }

    /// Where the forward pass ceases to give numbers if the loss is none, where that is looked at: a block of an encoder, what
    /// enters the first block of one, or what lies behind the last.
    pub fn first_wrong_activation(&self) -> Option<&str> {
        let wrong = wrong(&self.activations).map(|(place, _)| place.as_str());
        let behind = !self.activations.is_empty() && !self.loss.is_finite();
        wrong.or(behind.then_some("behind the last block"))
    }

    /// The weights with the longest gradient, where gradients are looked at.
    pub fn longest(&self) -> Option<&str> {
        self.squares.iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(name, _)| name.as_str())
    }
}

/// The first place whose sum of squares is no number.
fn wrong(places: &[(String, f64)]) -> Option<&(String, f64)> {
    places.iter().find(|(_, square)| !square.is_finite())
}

/// What one run has shown.
pub(super) struct Shown {
    pub(super) norm: f64,
    of_clips: Option<ShownOfClips>,
}

/// What one run has shown of clips.
struct ShownOfClips {
    loss: f64,
    logits: Vec<f32>,
    squares: Vec<(String, f64)>,
    activations: Vec<(String, f64)>,
}

impl Shown {
    pub(super) fn of(pass: &Pass, found: Vec<Tensor>) -> Result<Self> {
        let first =
            |tensor: &Tensor| -> Result<f64> { Ok(tensor.as_f32()?.first().copied().map_or(f64::NAN, f64::from)) };
        let [norm, rest @ ..] = found.as_slice() else { return Err(Error::usage("a step has shown nothing")) };
        let norm = first(norm)?;
        let (Some(of_clips), [losses, logits, looked_at @ ..]) = (&pass.of_clips, rest) else {
            return Ok(Self { norm, of_clips: None });
        };
        let (sums, watched) = looked_at.split_at(of_clips.square_sums.len().min(looked_at.len()));
        let loss = losses.as_f32()?.iter().map(|loss| f64::from(*loss)).sum();
        let mut squares = Vec::with_capacity(sums.len());
        let mut behind = 0.0;
        for ((name, _), sum) in of_clips.square_sums.iter().zip(sums).rev() {
            let sum = first(sum)?;
            squares.push((name.clone(), sum - behind));
            behind = sum;
        }
        squares.reverse();
        let watched = of_clips.watched.iter().zip(watched);
        let activations = watched.map(|((place, _), sum)| Ok((place.clone(), first(sum)?))).collect::<Result<_>>()?;
        let logits = logits.as_f32()?.to_vec();
        Ok(Self { norm, of_clips: Some(ShownOfClips { loss, logits, squares, activations }) })
    }
}

/// What the runs of a step have shown so far.
#[derive(Default)]
pub(super) struct Seen {
    loss: f64,
    logits: Vec<f32>,
    squares: Vec<(String, f64)>,
    activations: Vec<(String, f64)>,
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
        if let Some(ShownOfClips { loss, logits, squares, activations }) = of_clips {
            self.loss += loss * share(run.clips.len());
            self.logits.extend(logits);
            if wrong(&self.activations).is_none() {
                self.activations = activations;
            }
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

    /// What the step has shown.
    pub(super) fn outcome(self, classes: usize) -> Result<StepOutcome> {
        let norm = self.norm;
        Ok(self.of_gradient(classes)?.updated(norm))
    }

    /// What the gradient has shown.
    pub(super) fn of_gradient(self, classes: usize) -> Result<GradientOutcome> {
        let Self { loss, logits, squares, activations, devices, .. } = self;
        let of_devices = || devices.iter().map(|(norm, share)| norm * share).sum::<f64>();
        let norm = (!devices.is_empty()).then(of_devices);
        let logits = Tensor::f32([logits.len() / classes.max(1), classes], logits)?;
        Ok(GradientOutcome { loss, norm, logits, squares, activations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(loss: f64, squares: [f64; 3], activations: [f64; 2]) -> String {
        let named = |names: &[&str], values: &[f64]| {
            names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>()
        };
        let outcome = StepOutcome {
            loss,
            norm: squares.iter().sum(),
            logits: Tensor::f32([1, 1], vec![0.0]).unwrap(),
            squares: named(&["first", "second", "third"], &squares),
            activations: named(&["block 0", "block 1"], &activations),
        };
        outcome.check(4).map_or_else(|error| error.to_string(), |()| String::new())
    }

    /// Each pass in its own direction: behind the place that is named all values are lost.
    #[test]
    fn the_place_is_where_each_pass_ceases_to_give_numbers() {
        let nan = f64::NAN;
        assert_eq!(outcome(1.0, [1.0; 3], [1.0; 2]), "");
        let told = outcome(1.0, [nan, f64::INFINITY, 1.0], [1.0; 2]);
        assert!(
            told.contains("step 5") && told.contains("the backward pass gives no numbers from second on"),
            "{told}"
        );
        let told = outcome(nan, [nan; 3], [1.0, nan]);
        assert!(told.contains("the forward pass gives no numbers from block 1 on"), "{told}");
        let told = outcome(nan, [nan; 3], [1.0; 2]);
        assert!(told.contains("from behind the last block on"), "{told}");
    }
}
