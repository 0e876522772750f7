//! The classes that a manifest names, for a model that is yet to have some.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use super::{Manifest, ManifestFormat, Reading};
use crate::eval::task::MOST_CLASSES;
use crate::eval::{ClassNames, Task};
use crate::tensor::{Error, Result};
use crate::vivit::{LabelHead, Labelling};

/// What labels mean.
pub(super) enum Meaning<'a> {
    /// Classes of these names, or numbers.
    Known(&'a ClassNames),
    /// Nothing yet: they are collected.
    Found(&'a RefCell<BTreeSet<String>>),
}

impl Meaning<'_> {
    pub(super) fn class(&self, index: usize, head: &LabelHead, label: &str) -> Result<usize> {
        match self {
            Self::Known(names) => names.class(index, head, label),
            Self::Found(labels) => {
                labels.borrow_mut().insert(label.trim().trim_matches('"').to_owned());
                Ok(0)
            }
        }
    }
}

/// The classes that the labels of a manifest name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundClasses {
    /// How many classes there are.
    pub count: usize,
    /// Their names in the order of their bytes, which is the same on every machine and however the videos are listed; `None`
    /// where labels are numbers, of which the highest is the last class.
    pub names: Option<Vec<String>>,
}

impl FoundClasses {
    fn of(labels: BTreeSet<String>) -> Result<Self> {
        let numbers: Option<Vec<usize>> = labels.iter().map(|label| label.parse().ok()).collect();
        match numbers.and_then(|numbers| numbers.into_iter().max()) {
            Some(last) if last < MOST_CLASSES => Ok(Self { count: last + 1, names: None }),
            Some(last) => Err(Error::file(format!("label {last} is beyond the {MOST_CLASSES} classes there can be"))),
            None => Ok(Self { count: labels.len(), names: Some(labels.into_iter().collect()) }),
        }
    }
}

impl Manifest {
    /// The classes that the manifest at `path` names, each video with one label: class folders, the labels of tables, lists
    /// and Kinetics, the templates of Something-Something. Labels of several heads say too little of their classes.
    ///
    /// # Errors
    ///
    /// As [`Manifest::read`]; [`File`](crate::tensor::ErrorKind::File) where there are no labels.
    pub fn find_classes(path: impl AsRef<Path>, format: Option<ManifestFormat>) -> Result<FoundClasses> {
        let path = path.as_ref();
        let task = Task::new(Labelling::Single, MOST_CLASSES)?;
        let labels = RefCell::default();
        let root = path.parent().unwrap_or(Path::new("")).to_owned();
        let reading = Reading { root, confined: false, task: &task, meaning: Meaning::Found(&labels) };
        reading.items(path, format)?;
        let labels = labels.into_inner();
        match labels.is_empty() {
            true => Err(Error::file(format!(
                "{} names no class: put the videos of each class into a folder of its own, or name a manifest with labels",
                path.display()
            ))),
            false => FoundClasses::of(labels).map_err(|error| error.within(path.display())),
        }
    }
}
