//! From single clips to a batch.

use std::ops::Range;

use super::LoaderOptions;
use crate::eval::Task;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::video::augment::{Draws, mixup};

/// Clips that a model learns from in one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// The clips as the model takes them, f32: `[B, F, Y, X, P]` or `[B, F, P, Y, X]`.
    pub clips: Tensor,
    /// `[B, K]`: 1 at each label and 0 elsewhere, and what mixup makes of them. Several heads follow one another, as in the
    /// logits. Labels are not smoothed here: the loss does that.
    pub targets: Tensor,
    /// The labels of each clip before mixup: one class a head, or any number of them where a model gives each class by
    /// itself.
    pub labels: Vec<Vec<usize>>,
    /// The number of each clip in its source.
    pub indices: Vec<usize>,
    /// The random numbers of its epoch, by the numbers of its clips.
    pub draws: Draws,
    /// The number of its first clip in the epoch; the others follow.
    pub first: u64,
    /// Whether it is the last of its epoch.
    pub ends_epoch: bool,
}

/// A part of a batch, small enough to be computed at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MicroBatch {
    /// As [`Batch::clips`].
    pub clips: Tensor,
    /// As [`Batch::targets`].
    pub targets: Tensor,
    /// As [`Batch::labels`].
    pub labels: Vec<Vec<usize>>,
}

impl Batch {
    /// Clips with a number for each of their classes, which come from elsewhere than a loader: nobody knows their labels. They
    /// are the first of the first epoch of seed 0.
    pub fn new(clips: Tensor, targets: Tensor) -> Self {
        let count = clips.shape().axes().first().copied().unwrap_or(0);
        let (labels, indices) = (vec![Vec::new(); count], (0..count).collect());
        Self { clips, targets, labels, indices, draws: Draws::new(0, 0), first: 0, ends_epoch: false }
    }

    /// With the random numbers of an epoch, in which the first clip has this number.
    #[must_use]
    pub fn drawn(self, draws: Draws, first: u64) -> Self {
        Self { draws, first, ..self }
    }

    /// Parts of `clips` clips each, at least one, in order; the last may have fewer.
    pub fn micro_batches(&self, clips: usize) -> impl Iterator<Item = Result<MicroBatch>> + '_ {
        let (total, size) = (self.labels.len(), clips.max(1));
        (0..total).step_by(size).map(move |first| {
            let part = first..total.min(first.saturating_add(size));
            Ok(MicroBatch { labels: self.labels[part.clone()].to_vec(), ..self.part(part)? })
        })
    }

    /// Clips and targets of some of its examples, without their labels.
    pub(in crate::train) fn part(&self, examples: Range<usize>) -> Result<MicroBatch> {
        let (clips, targets) = (rows(&self.clips, examples.clone())?, rows(&self.targets, examples)?);
        Ok(MicroBatch { clips, targets, labels: Vec::new() })
    }
}

/// Some examples of a batch.
fn rows(batch: &Tensor, part: Range<usize>) -> Result<Tensor> {
    let shape = of_examples(batch.shape(), part.len());
    let length = shape.elements() / part.len().max(1);
    let values = batch.as_f32()?.get(part.start * length..part.end * length);
    let values = values.ok_or_else(|| Error::usage(format!("a batch {} has no examples {part:?}", batch.shape())))?;
    Tensor::f32(shape, values.to_vec())
}

fn of_examples(shape: &Shape, examples: usize) -> Shape {
    let mut axes = shape.axes().to_vec();
    if let Some(first) = axes.first_mut() {
        *first = examples;
    }
    Shape::from(axes)
}

/// Clips that are to be a batch.
#[derive(Debug, Default)]
pub(super) struct Members {
    indices: Vec<usize>,
    labels: Vec<Vec<usize>>,
    clips: Vec<Tensor>,
}

impl Members {
    pub(super) fn push(&mut self, index: usize, labels: Vec<usize>, clip: Tensor) {
        self.indices.push(index);
        self.labels.push(labels);
        self.clips.push(clip);
    }

    /// Batch `number` of an epoch, mixed as was drawn for it.
    pub(super) fn into_batch(
        self,
        task: &Task,
        options: &LoaderOptions,
        draws: &Draws,
        number: u64,
        ends_epoch: bool,
    ) -> Result<Batch> {
        let Self { indices, labels, clips } = self;
        let device = options.clips_of_device();
        let first = number * (options.batch / device) as u64;
        let (mut values, mut targets) = (Vec::new(), Vec::new());
        let mut clips = clips.into_iter();
        for (labels, number) in labels.chunks(device).zip(first..) {
            let (clips, goals) = (joined(clips.by_ref().take(labels.len()).collect())?, rows_of_labels(task, labels)?);
            let (clips, goals) = match options.augmentation.mixup_share(draws, number)? {
                Some(share) => (mixup(&clips, share)?, mixup(&goals, share)?),
                None => (clips, goals),
            };
            values.push(clips);
            targets.push(goals);
        }
        let (clips, targets) = (joined(values)?, joined(targets)?);
        let first = number.saturating_mul(options.batch as u64);
        Ok(Batch { clips, targets, labels, indices, draws: *draws, first, ends_epoch })
    }
}

/// Batches one after the other, as one.
fn joined(mut batches: Vec<Tensor>) -> Result<Tensor> {
    let Some(last) = batches.pop() else { return Err(Error::usage("a batch without clips was asked for")) };
    if batches.is_empty() {
        return Ok(last);
    }
    batches.push(last);
    let examples = batches.iter().map(|batch| batch.shape().axes()[0]).sum();
    let shape = of_examples(batches[0].shape(), examples);
    let mut values = Vec::with_capacity(shape.elements());
    for batch in batches {
        values.extend_from_slice(batch.as_f32()?);
    }
    Tensor::f32(shape, values)
}

/// `[B, K]`: 1 at each label, counted within its head.
fn rows_of_labels(task: &Task, labels: &[Vec<usize>]) -> Result<Tensor> {
    let mut firsts = vec![0];
    for head in task.heads() {
        firsts.push(firsts[firsts.len() - 1] + head.classes);
    }
    let first = |index: usize| if task.is_multiple() { 0 } else { firsts[index] };
    let mut rows = vec![0.0; labels.len() * task.classes()];
    for (row, labels) in rows.chunks_exact_mut(task.classes()).zip(labels) {
        labels.iter().enumerate().for_each(|(index, label)| row[first(index) + label] = 1.0);
    }
    Tensor::f32([labels.len(), task.classes()], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{LabelHead, Labelling};

    #[test]
    fn heads_follow_one_another_in_targets() {
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        let heads = Task::new(Labelling::Heads(vec![head("noun", 3), head("verb", 2)]), 5).unwrap();
        let targets = rows_of_labels(&heads, &[vec![2, 0], vec![0, 1]]).unwrap();
        assert_eq!(targets, Tensor::f32([2, 5], vec![0., 0., 1., 1., 0., 1., 0., 0., 0., 1.]).unwrap());
        let multiple = Task::new(Labelling::Multiple, 3).unwrap();
        let targets = rows_of_labels(&multiple, &[vec![0, 2], vec![]]).unwrap();
        assert_eq!(targets, Tensor::f32([2, 3], vec![1., 0., 1., 0., 0., 0.]).unwrap());
    }

    #[test]
    fn micro_batches_are_the_batch_in_parts() {
        let clips = Tensor::f32([5, 2, 1], (0..10u8).map(f32::from).collect()).unwrap();
        let targets = Tensor::f32([5, 1], (0..5u8).map(f32::from).collect()).unwrap();
        let labels: Vec<_> = (0..5).map(|label| vec![label]).collect();
        let batch = Batch { labels, ..Batch::new(clips, targets) };
        let parts: Vec<_> = batch.micro_batches(2).collect::<Result<_>>().unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[1].clips, Tensor::f32([2, 2, 1], vec![4., 5., 6., 7.]).unwrap());
        assert_eq!(parts[2].targets, Tensor::f32([1, 1], vec![4.]).unwrap());
        assert_eq!(parts[2].labels, [[4]]);
        assert_eq!(batch.micro_batches(usize::MAX).next().unwrap().unwrap().clips, batch.clips);
    }
}
