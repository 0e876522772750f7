//! What the classes of clips are said to be.

use std::fmt;
use std::str::FromStr;

use crate::tensor::{Error, Result, Tensor};
use crate::vivit::{Config, LabelHead, Labelling};

/// The label of each clip of a batch, a list for each head of the model. By text: `3,1`, of two heads `3,1;0,2`.
///
/// ```
/// let labels: tubelet::train::Labels = "3,1".parse()?;
/// assert_eq!(labels.heads(), [[3, 1]]);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Labels {
    heads: Vec<Vec<usize>>,
}

impl Labels {
    /// Of a model with one head: a label a clip.
    pub fn new(labels: Vec<usize>) -> Self {
        Self { heads: vec![labels] }
    }

    /// Of a model with several heads: for each of them a label a clip.
    pub fn of_heads(heads: Vec<Vec<usize>>) -> Self {
        Self { heads }
    }

    /// An error where they are not as many as the `clips` or the model's heads, or are beyond its classes.
    pub fn check(&self, config: &Config, clips: usize) -> Result<()> {
        self.tensor(config, clips).map(drop)
    }

    /// The labels of each head.
    pub fn heads(&self) -> &[Vec<usize>] {
        &self.heads
    }

    /// The labels of `clips` clips as the model's graph takes them, words of `[B, heads]`, each counted within its
    /// head.
    ///
    /// An error where they are not as many as the clips or the heads, or are beyond the classes.
    pub(super) fn tensor(&self, config: &Config, clips: usize) -> Result<Tensor> {
        let heads = heads(config)?;
        if heads.len() != self.heads.len() {
            let names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
            return Err(Error::usage(match heads.len() {
                1 => format!("{} lists of labels are given, but the model has one head", self.heads.len()),
                count => format!(
                    "the model has {count} heads ({}): give a list of labels for each, not {}, parted by ;",
                    names.join(", "),
                    self.heads.len()
                ),
            }));
        }
        for (head, labels) in heads.iter().zip(&self.heads) {
            check(head, labels, clips, heads.len() > 1)?;
        }
        let clip = |clip: usize| self.heads.iter().map(move |labels| labels[clip] as u32);
        Tensor::u32([clips, heads.len()], (0..clips).flat_map(clip).collect())
    }
}

/// The model's heads; one without a name where a clip has one label.
fn heads(config: &Config) -> Result<Vec<LabelHead>> {
    match &config.labelling {
        _ if config.classes == 0 => Err(Error::usage(
            "the model has no head, so that labels mean nothing to it: take one that was saved with its head",
        )),
        Labelling::Single => Ok(vec![LabelHead { name: String::new(), classes: config.classes }]),
        Labelling::Heads(heads) => Ok(heads.clone()),
        Labelling::Multiple => Err(Error::unsupported(
            "a clip of this model has any number of labels; gradients are of one label a clip, or one of each head",
        )),
        Labelling::Regression => {
            Err(Error::unsupported("the model gives numbers instead of classes; gradients are of one label a clip"))
        }
    }
}

/// An error where `labels` are not one of the head's classes for each of `clips` clips. One of several is named.
fn check(head: &LabelHead, labels: &[usize], clips: usize, named: bool) -> Result<()> {
    let of_head = if named { format!(" of {}", head.name) } else { String::new() };
    if labels.len() != clips {
        let (given, are) = (labels.len(), if labels.len() == 1 { "label is" } else { "labels are" });
        return Err(Error::usage(format!("{given} {are} given{of_head} for {clips} clips: give one for each clip")));
    }
    match labels.iter().find(|label| **label >= head.classes) {
        None => Ok(()),
        Some(label) => Err(Error::usage(format!(
            "there is no label {label}{of_head}: the model has {} classes, from 0 on",
            head.classes
        ))),
    }
}

impl FromStr for Labels {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let label = |label: &str| {
            let wrong = || {
                Error::usage(format!(
                    "{:?} is no label: labels are numbers of classes from 0 on, such as 3,1 for two clips",
                    label.trim()
                ))
            };
            label.trim().parse::<usize>().ok().filter(|label| u32::try_from(*label).is_ok()).ok_or_else(wrong)
        };
        let head = |head: &str| head.split(',').map(label).collect::<Result<Vec<_>>>();
        text.split(';').map(head).collect::<Result<_>>().map(Self::of_heads)
    }
}

/// What [`FromStr`] takes.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |labels: &Vec<usize>| labels.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        f.write_str(&self.heads.iter().map(head).collect::<Vec<_>>().join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(labelling: Labelling, classes: usize) -> Config {
        Config::named("vit-ti").unwrap().classes(classes).labelling(labelling)
    }

    fn refused(text: &str, config: &Config) -> String {
        text.parse::<Labels>().and_then(|labels| labels.tensor(config, 2)).unwrap_err().to_string()
    }

    #[test]
    fn labels_survive_text() {
        for text in ["3", "3,1", "3,1;0,2"] {
            assert_eq!(text.parse::<Labels>().unwrap().to_string(), text);
        }
        assert_eq!(" 3, 1".parse::<Labels>().unwrap(), Labels::new(vec![3, 1]));
        for wrong in ["", "3,", "x", "-1", "3;;1", "4294967296"] {
            assert!(wrong.parse::<Labels>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn clips_come_before_heads() {
        let heads = ["noun", "verb"].map(|name| LabelHead { name: name.to_owned(), classes: 5 });
        let config = config(Labelling::Heads(heads.to_vec()), 10);
        let labels = "3,1;0,4".parse::<Labels>().unwrap().tensor(&config, 2).unwrap();
        assert_eq!((labels.shape().axes(), labels.as_u32().unwrap()), (&[2, 2][..], &[3, 0, 1, 4][..]));
        assert!(refused("3,1", &config).contains("2 heads (noun, verb)"));
        assert!(refused("3,1;0,5", &config).contains("no label 5 of verb: the model has 5 classes"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let single = config(Labelling::Single, 10);
        assert!(refused("3,10", &single).contains("no label 10: the model has 10 classes"));
        assert!(refused("3", &single).contains("1 label is given for 2 clips"));
        assert!(refused("3,1;1,1", &single).contains("one head"));
        assert!(refused("3,1", &config(Labelling::Single, 0)).contains("no head"));
        assert!(refused("3,1", &config(Labelling::Multiple, 10)).contains("any number of labels"));
    }
}
