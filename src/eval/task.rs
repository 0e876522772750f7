//! What a model's logits mean.

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};

/// A part of the logits with a softmax of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What it names, such as `noun`: the manifest's column of its labels, too.
    pub name: String,
    /// Its logits.
    pub classes: usize,
}

/// What a model's logits mean, and so what labels a video has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// One of K classes.
    Single {
        /// K.
        classes: usize,
    },
    /// Any number of K classes.
    Multiple {
        /// K.
        classes: usize,
    },
    /// One class of each head; their logits follow each other in this order.
    Heads(Vec<Head>),
}

/// The name of the one head of a model that has no named ones.
const LABEL: &str = "label";

impl Task {
    /// The heads, of which a task without named ones has one, called `label`.
    pub fn heads(&self) -> Vec<Head> {
        match self {
            Self::Single { classes } | Self::Multiple { classes } => {
                vec![Head { name: LABEL.to_owned(), classes: *classes }]
            }
            Self::Heads(heads) => heads.clone(),
        }
    }

    /// The classes of each head.
    pub fn splits(&self) -> Vec<usize> {
        self.heads().iter().map(|head| head.classes).collect()
    }

    /// K, the logits of a video.
    pub fn classes(&self) -> usize {
        self.splits().iter().sum()
    }

    /// Whether a video has any number of labels.
    pub fn is_multiple(&self) -> bool {
        matches!(self, Self::Multiple { .. })
    }

    /// The joint distribution of all heads, where there are several: its name and its classes, numbered with the first
    /// head outermost. That of nouns and verbs is called `action`.
    pub fn joint(&self) -> Option<Head> {
        let Self::Heads(heads) = self else { return None };
        if heads.len() < 2 {
            return None;
        }
        let mut names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
        names.sort_unstable();
        let name = if names == ["noun", "verb"] { "action" } else { "joint" };
        let classes = heads.iter().fold(1usize, |product, head| product.saturating_mul(head.classes));
        Some(Head { name: name.to_owned(), classes })
    }

    /// An error where `labels` are not those of a video: one class a head, or any number of classes of a multi-label one.
    pub fn check_labels(&self, labels: &[usize]) -> Result<()> {
        let splits = self.splits();
        if !self.is_multiple() && labels.len() != splits.len() {
            return Err(Error::usage(format!("a video has {} labels here, not {}", splits.len(), labels.len())));
        }
        let most = |place: usize| if self.is_multiple() { splits[0] } else { splits[place] };
        match labels.iter().enumerate().find(|(place, label)| **label >= most(*place)) {
            Some((place, label)) => Err(Error::usage(format!("label {label} is none of {} classes", most(place)))),
            None => Ok(()),
        }
    }
}
