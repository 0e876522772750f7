//! What a model says of one video, as far as figures need it.

use super::Task;
use crate::engine::{Class, Classes};
use crate::tensor::Result;

/// How many classes of each head are kept with a video: those that top-5 accuracy needs.
pub const TOP: usize = 5;

/// The most probable classes of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// Classes, the most probable first; of equal ones the lower first.
    pub indices: Vec<usize>,
    /// Their probabilities.
    pub scores: Vec<f32>,
}

/// What a model says of one video.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The [`TOP`] classes of each head, then those of the joint distribution where there are several heads.
    pub tops: Vec<Top>,
    /// All logits. Files of results may leave them out where no figure needs them; then it is empty.
    pub logits: Vec<f32>,
}

impl Prediction {
    /// From the logits of a video; an error as that of [`Classes::new`].
    pub fn new(task: &Task, logits: Vec<f32>) -> Result<Self> {
        let classes = Classes::new(&logits, task.labelling(), None)?;
        let mut tops: Vec<_> = classes.heads().map(|head| Top::of(head.top(TOP))).collect();
        if task.joint().is_some() {
            tops.push(Top::of(classes.top(TOP)));
        }
        Ok(Self { tops, logits })
    }
}

impl Top {
    fn of(classes: Vec<Class>) -> Self {
        let (indices, scores) = classes.into_iter().map(|class| (class.index, class.probability)).unzip();
        Self { indices, scores }
    }
}
