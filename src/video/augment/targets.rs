//! Labels as a number for each class.

use crate::tensor::{Error, Result, Tensor};

/// Rows `[B, K]` that are 1 at the class of each label and 0 elsewhere.
///
/// # Errors
///
/// [`Usage`](crate::tensor::ErrorKind::Usage) for a label that is not below `classes`, or no label at all.
pub fn one_hot(labels: &[usize], classes: usize) -> Result<Tensor> {
    if let Some(label) = labels.iter().find(|label| **label >= classes) {
        return Err(Error::usage(format!("label {label} is none of {classes} classes, which are counted from 0")));
    }
    if labels.is_empty() {
        return Err(Error::usage("no labels were given; a batch has one for each clip"));
    }
    let mut rows = vec![0.0; labels.len() * classes];
    for (row, label) in rows.chunks_exact_mut(classes).zip(labels) {
        row[*label] = 1.0;
    }
    Tensor::f32([labels.len(), classes], rows)
}

/// Rows `[B, K]` of which a part, `smoothing`, is spread over all classes: y·(1 − s) + s/K (spec §7.4).
/// 1 − s and s/K are rounded to f32 once, as scenic has them.
///
/// The loss of a model, [`CrossEntropy`](crate::kernels::rows::CrossEntropy), smooths by itself: targets that it is given
/// are not to be smoothed before.
///
/// # Errors
///
/// [`Usage`](crate::tensor::ErrorKind::Usage) for a part outside 0 … 1, and for another element than f32.
pub fn smoothed(targets: &Tensor, smoothing: f64) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(Error::usage(format!("labels cannot be smoothed by {smoothing}; it must be from 0 to 1")));
    }
    let (kept, spread) = ((1.0 - smoothing) as f32, (smoothing / targets.shape().last() as f64) as f32);
    let values = targets.as_f32()?.iter().map(|target| target * kept + spread).collect();
    Tensor::f32(targets.shape().clone(), values)
}
