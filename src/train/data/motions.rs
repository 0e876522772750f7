//! Clips that the program makes.

use super::{ClipSource, HeldFrames};
use crate::eval::{ClassNames, Task};
use crate::motions::{Motion, Motions};
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};
use crate::video::FrameSource;

/// Clips that the program makes, computed whenever they are asked for: no file is written, and none is read but
/// photographs.
///
/// ```
/// use std::sync::Arc;
/// use tubelet::eval::Task;
/// use tubelet::motions::{MotionOptions, MotionSet, Motions};
/// use tubelet::train::{Loader, LoaderOptions, MotionClips};
/// use tubelet::video::augment::Augmentation;
/// use tubelet::vivit::Labelling;
///
/// let sets = [MotionSet::Shapes, MotionSet::Camera];
/// let motions = Motions::new(MotionOptions::new(sets).clips(2).frames(4).size([32, 32]))?;
/// let task = Task::new(Labelling::Single, motions.classes().len())?;
/// let augmentation = Augmentation::default().frames(4).stride(1).short_edge(32).crop([32, 32]);
/// let options = LoaderOptions::new(augmentation).batch(2);
/// let mut loader = Loader::new(Arc::new(MotionClips::new(motions)), &task, options)?;
/// assert_eq!(loader.next_batch()?.targets.shape().axes(), [2, 20]);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Debug)]
pub struct MotionClips {
    motions: Motions,
    /// The class of each motion, in the order of [`Motions::classes`].
    labels: Vec<usize>,
}

impl MotionClips {
    /// Clips of which each is labelled by the index of its motion among [`Motions::classes`].
    pub fn new(motions: Motions) -> Self {
        let labels = (0..motions.classes().len()).collect();
        Self { motions, labels }
    }

    /// Clips labelled for a model whose classes have these `names`, which may be more than the motions and in another order.
    /// Without names they are labelled as by [`Self::new`].
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where a motion is none of the classes, where one label is too few, or where
    /// there are too few classes.
    pub fn named(motions: Motions, task: &Task, names: &ClassNames) -> Result<Self> {
        let heads = task.heads();
        let head = heads.first().filter(|_| names.all().is_some());
        let class = |(index, motion): (usize, &Motion)| {
            let named = |head| names.class(0, head, motion.name()).map_err(|_| unknown(*motion, names));
            let class = head.map_or(Ok(index), named)?;
            task.check_labels(&[class]).map_err(|error| error.within(motion))?;
            Ok(class)
        };
        let labels = motions.classes().iter().enumerate().map(class).collect::<Result<_>>()?;
        Ok(Self { motions, labels })
    }
}

fn unknown(motion: Motion, names: &ClassNames) -> Error {
    let known =
        names.all().unwrap_or_default().iter().map(|name| printable(name, LONGEST_TEXT)).collect::<Vec<_>>().join(", ");
    Error::usage(format!("the model has no class for the motion \"{motion}\"; its classes are {known}"))
}

impl ClipSource for MotionClips {
    fn count(&self) -> usize {
        self.motions.len()
    }

    fn name(&self, index: usize) -> String {
        self.motions.name(index).unwrap_or_default()
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        let motion = self.motions.motion(index);
        motion.ok().and_then(|(_, label, _)| self.labels.get(label).copied()).into_iter().collect()
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        Ok(Box::new(HeldFrames::of(&self.motions.clip(index)?.clip)))
    }
}
