//! A data set in two.

use std::collections::BTreeSet;

use crate::eval::{Hash, Item, Manifest, Task};
use crate::tensor::{Error, Result};

/// A data set in two parts: one to learn from, one to see what was learnt.
///
/// A hash of what a video is called decides, so a video stays where it is when others are added or removed, and wherever the
/// files are. Parts of one video stay together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidationSplit {
    /// To learn from.
    pub training: Manifest,
    /// To see what was learnt.
    pub validation: Manifest,
}

impl ValidationSplit {
    /// About `share` of the videos, above 0 and below 1, for validation.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for another share, and where one of the parts would be empty.
    pub fn new(manifest: &Manifest, share: f64) -> Result<Self> {
        if !(share > 0.0 && share < 1.0) {
            return Err(Error::usage(format!(
                "a share of {share} of the videos cannot be kept for validation; it must be above 0 and below 1, such as 0.2"
            )));
        }
        let (validation, training): (Vec<Item>, Vec<Item>) =
            manifest.items().iter().cloned().partition(|item| place(item) < share);
        if training.is_empty() || validation.is_empty() {
            let (count, part) = (manifest.items().len(), if training.is_empty() { "training" } else { "validation" });
            return Err(Error::usage(format!(
                "of {count} videos, none would be left for {part} with a share of {share}; choose another share, or name the \
                 videos of both parts"
            )));
        }
        Ok(Self { training: manifest.of_items(training), validation: manifest.of_items(validation) })
    }

    /// Heads and classes that only videos for validation have: a model never learns them.
    pub fn classes_without_training(&self, task: &Task) -> BTreeSet<(usize, usize)> {
        let head = |index| if task.is_multiple() { 0 } else { index };
        let labels = |manifest: &Manifest| -> BTreeSet<(usize, usize)> {
            let of = |item: &Item| item.labels.clone().into_iter().enumerate();
            manifest.items().iter().flat_map(of).map(|(index, class)| (head(index), class)).collect()
        };
        &labels(&self.validation) - &labels(&self.training)
    }
}

/// Where a video is among all that there can be, from 0 to 1.
fn place(item: &Item) -> f64 {
    let video = item.path.file_stem().filter(|_| item.part.is_some()).map(|name| name.to_string_lossy());
    let mut hash = Hash::new();
    hash.add(video.as_deref().unwrap_or(&item.name).as_bytes());
    hash.unit()
}
