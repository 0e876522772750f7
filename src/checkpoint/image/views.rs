//! Arrays under other names, and parts of arrays as if they were arrays.

use std::collections::BTreeMap;
use std::path::Path;

use crate::checkpoint::arrays::{Arrays, Dtype};
use crate::tensor::{Error, Result, Shape, Tensor};

/// Which part of a stored array is shown.
#[derive(Clone, Debug)]
enum Part {
    Whole,
    /// One of several equal parts along the first axis.
    Share {
        index: usize,
    },
    /// All of it, after a row of zeros along the second axis.
    AfterZeros,
    /// All of it, each row along the first axis multiplied by the element of another stored array.
    Scaled {
        by: String,
    },
}

/// One array that is shown.
#[derive(Debug)]
struct View {
    stored: String,
    shape: Shape,
    part: Part,
}

/// The arrays of a file, some of them renamed, cut up or extended.
#[derive(Debug)]
pub(super) struct Views {
    arrays: Box<dyn Arrays>,
    views: BTreeMap<String, View>,
}

impl Views {
    /// All `arrays` as they are.
    pub(super) fn of(arrays: Box<dyn Arrays>) -> Self {
        let whole = |name: &str| {
            let view = View { stored: name.to_owned(), shape: arrays.shape(name)?, part: Part::Whole };
            Some((name.to_owned(), view))
        };
        let views = arrays.names().into_iter().filter_map(whole).collect();
        Self { arrays, views }
    }

    /// Calls the arrays as `new` says; those for which it says nothing are not shown.
    pub(super) fn rename(&mut self, new: impl Fn(&str) -> Option<String>) {
        let views = std::mem::take(&mut self.views);
        self.views = views.into_iter().filter_map(|(name, view)| Some((new(&name)?, view))).collect();
    }

    /// Shows an array in equal parts along its first axis, under these names; each part is without that axis where it
    /// is as long as there are parts. An array that has no such parts stays whole.
    pub(super) fn split(&mut self, name: &str, parts: &[String]) {
        let Some(shape) = self.views.get(name).and_then(|view| share(&view.shape, parts.len())) else { return };
        let Some(View { stored, .. }) = self.views.remove(name) else { return };
        let view = |index| View { stored: stored.clone(), shape: shape.clone(), part: Part::Share { index } };
        self.views.extend(parts.iter().enumerate().map(|(index, name)| (name.clone(), view(index))));
    }

    /// Puts a row of zeros before those of the table `[1, N, C]` of that name.
    pub(super) fn begin_with_zeros(&mut self, name: &str) {
        if let Some(View { shape, part, .. }) = self.views.get_mut(name)
            && let &[batch, rows, width] = shape.axes()
        {
            *shape = [batch, rows + 1, width].into();
            *part = Part::AfterZeros;
        }
    }

    /// Multiplies the rows of the arrays called `of` by the elements of the array `scale`, which is no longer shown. Where
    /// it does not have an element for each row of each of them, all stay as they are.
    pub(super) fn scale_rows(&mut self, scale: &str, of: &[String]) {
        let Some(View { stored, shape, part: Part::Whole }) = self.views.get(scale) else { return };
        let fits = |name: &String| {
            self.views.get(name).is_some_and(|view| {
                let axes = view.shape.axes();
                matches!(view.part, Part::Whole) && !axes.contains(&0) && axes.get(..1) == Some(shape.axes())
            })
        };
        if !of.iter().all(fits) {
            return;
        }
        let by = stored.clone();
        self.views.remove(scale);
        for name in of {
            if let Some(view) = self.views.get_mut(name) {
                view.part = Part::Scaled { by: by.clone() };
            }
        }
    }
}

/// The shape of one of `parts` equal parts of an array; none where its first axis cannot be divided so.
fn share(whole: &Shape, parts: usize) -> Option<Shape> {
    let [first, rest @ ..] = whole.axes() else { return None };
    if *first == 0 || parts == 0 || !first.is_multiple_of(parts) {
        return None;
    }
    Some(match first / parts {
        1 => rest.into(),
        share => [&[share], rest].concat().into(),
    })
}

impl Arrays for Views {
    fn path(&self) -> &Path {
        self.arrays.path()
    }

    fn names(&self) -> Vec<&str> {
        self.views.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.views.get(name).map(|view| view.shape.clone())
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.arrays.dtype(&self.views.get(name)?.stored)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let missing = || Error::usage(format!("{} holds no array `{name}`", self.path().display()));
        let View { stored, shape, part } = self.views.get(name).ok_or_else(missing)?;
        let array = self.arrays.tensor(stored)?;
        match part {
            Part::Whole => Ok(array),
            Part::Share { index } => {
                let elements = shape.elements();
                Tensor::f32(shape.clone(), array.as_f32()?[index * elements..][..elements].to_vec())
            }
            Part::AfterZeros => {
                let zeros = vec![0.0; shape.elements() - array.shape().elements()];
                Tensor::f32(shape.clone(), [&zeros, array.as_f32()?].concat())
            }
            Part::Scaled { by } => {
                let scales = self.arrays.tensor(by)?;
                let scales = scales.as_f32()?;
                let rows = array.as_f32()?.chunks_exact(shape.elements() / scales.len());
                let scaled = rows.zip(scales).flat_map(|(row, scale)| row.iter().map(move |value| value * scale));
                Tensor::f32(shape.clone(), scaled.collect())
            }
        }
    }
}
