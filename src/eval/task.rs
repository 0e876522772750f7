//! What a model's logits and a video's labels mean.

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};
use crate::vivit::{Config, LabelHead, Labelling};

/// What a model's logits mean, and so what labels a video has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Recorded")]
pub struct Task {
    labelling: Labelling,
    classes: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unlabelled: bool,
}

/// A task as a file has it, which may be anything.
#[derive(Deserialize)]
struct Recorded {
    labelling: Labelling,
    classes: usize,
    #[serde(default)]
    unlabelled: bool,
}

impl TryFrom<Recorded> for Task {
    type Error = Error;

    fn try_from(Recorded { labelling, classes, unlabelled }: Recorded) -> Result<Self> {
        Ok(Self { unlabelled, ..Self::new(labelling, classes)? })
    }
}

/// More classes than any data set has; up to here they can be counted one by one.
pub(super) const MOST_CLASSES: usize = 1 << 24;

/// The label's name for a model without named heads.
const LABEL: &str = "label";

impl Task {
    /// K = `classes` logits of this meaning.
    ///
    /// An error for no classes or too many, for values instead of classes, and as that of [`Labelling::validate`].
    pub fn new(labelling: Labelling, classes: usize) -> Result<Self> {
        if !(1..=MOST_CLASSES).contains(&classes) {
            return Err(Error::usage(format!("{classes} classes cannot be evaluated, only 1 to {MOST_CLASSES}")));
        }
        if labelling == Labelling::Regression {
            return Err(Error::usage(
                "this model gives values (regression), not classes: an evaluation compares classes with labels",
            ));
        }
        labelling.validate(classes)?;
        Ok(Self { labelling, classes, unlabelled: false })
    }

    /// The same task for videos whose labels are not known: their rows have none, and there are no figures.
    #[must_use]
    pub fn unlabelled(self) -> Self {
        Self { unlabelled: true, ..self }
    }

    /// Whether videos have labels.
    pub(super) fn has_labels(&self) -> bool {
        !self.unlabelled
    }

    /// The task of a model of this configuration; an error for one without a classification head.
    pub fn of(config: &Config) -> Result<Self> {
        match config.classes {
            0 => Err(Error::usage("this model has no classification head, so nothing can be evaluated")),
            classes => Self::new(config.labelling.clone(), classes),
        }
    }

    /// What the logits mean.
    pub fn labelling(&self) -> &Labelling {
        &self.labelling
    }

    /// K, the number of logits.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether a video has any number of labels.
    pub(crate) fn is_multiple(&self) -> bool {
        self.labelling == Labelling::Multiple
    }

    /// The heads, of which a model without named ones has one, called `label`.
    pub fn heads(&self) -> Vec<LabelHead> {
        match &self.labelling {
            Labelling::Heads(heads) => heads.clone(),
            Labelling::Single | Labelling::Multiple | Labelling::Regression => {
                vec![LabelHead { name: LABEL.to_owned(), classes: self.classes }]
            }
        }
    }

    /// The joint distribution of all heads, where there are several: its name and its classes, numbered with the first
    /// head outermost. That of nouns and verbs is called `action`.
    pub fn joint(&self) -> Option<LabelHead> {
        let heads = self.heads();
        if heads.len() < 2 {
            return None;
        }
        let mut names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
        names.sort_unstable();
        let name = if names == ["noun", "verb"] { "action" } else { "joint" };
        let classes = heads.iter().map(|head| head.classes).product();
        Some(LabelHead { name: name.to_owned(), classes })
    }

    /// An error where `labels` are not those of a video: one class a head, or any number of classes of a multi-label one.
    pub(crate) fn check_labels(&self, labels: &[usize]) -> Result<()> {
        if self.unlabelled {
            return match labels.is_empty() {
                true => Ok(()),
                false => Err(Error::usage("a video has labels where none were told")),
            };
        }
        let heads = self.heads();
        if !self.is_multiple() && labels.len() != heads.len() {
            return Err(Error::usage(format!("a video has {} labels here, not {}", heads.len(), labels.len())));
        }
        let head = |index: usize| &heads[if self.is_multiple() { 0 } else { index }];
        match labels.iter().enumerate().find(|(index, label)| **label >= head(*index).classes) {
            Some((index, label)) => {
                let LabelHead { name, classes } = head(index);
                Err(Error::usage(format!("{name} {label} is beyond {classes} classes, which are counted from 0")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_regression_are_no_task() {
        let error = Task::new(Labelling::Regression, 3).unwrap_err().to_string();
        assert!(error.contains("values (regression), not classes"), "{error}");
    }
}
