//! What a model says of one video, as far as figures need it.

use super::Task;
use crate::engine::{Class, Classes};
use crate::tensor::{Result, printable};

/// How many classes of each head are kept with a video: those that top-5 accuracy needs.
pub(super) const TOP: usize = 5;

/// The most probable classes of a head.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Top {
    /// Classes, the most probable first; of equal ones the lower first.
    pub indices: Vec<usize>,
    /// Their probabilities.
    pub scores: Vec<f32>,
    /// Their names, without semicolons; none where they are not known.
    pub names: Vec<String>,
}

/// What a model says of one video.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The five most probable classes of each head, then those of the joint distribution where there are several heads.
    pub tops: Vec<Top>,
    /// All logits. Files of results may leave them out where no figure needs them; then it is empty.
    pub logits: Vec<f32>,
}

impl Prediction {
    /// From the logits of a video, with the `names` of all classes where they are known; an error as that of
    /// [`Classes::new`].
    pub fn new(task: &Task, logits: Vec<f32>, names: Option<&[String]>) -> Result<Self> {
        let classes = Classes::new(&logits, task.labelling(), names)?;
        let top = |classes: Vec<Class>| Top::of(classes, names.is_some());
        let mut tops: Vec<_> = classes.heads().map(|head| top(head.top(TOP))).collect();
        if task.joint().is_some() {
            tops.push(top(classes.top(TOP)));
        }
        Ok(Self { tops, logits })
    }
}

impl Top {
    fn of(classes: Vec<Class>, named: bool) -> Self {
        let names = if named { classes.iter().map(|class| name(&class.name)).collect() } else { Vec::new() };
        let (indices, scores) = classes.into_iter().map(|class| (class.index, class.probability)).unzip();
        Self { indices, scores, names }
    }
}

/// A name as rows of results hold it, whose lists are parted by semicolons.
fn name(text: &str) -> String {
    printable(text, LONGEST_NAME).replace(';', ",")
}

/// Characters of a class name in a row of results; those of published data sets have up to 100.
const LONGEST_NAME: usize = 200;
