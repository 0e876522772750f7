//! Mixing of the clips of a batch, and of their labels (spec §8.5).

use crate::tensor::{Error, Result, Tensor};

/// Each example of a batch `[B, …]` mixed with its partner in the reversed batch:
/// `share · x[i] + (1 − share) · x[B − 1 − i]`, in f32. The middle example of an odd batch mixes with itself.
///
/// Clips, as values, and their labels, as [`one_hot`](super::one_hot) rows, are mixed with the same share.
///
/// # Errors
///
/// [`Usage`](crate::tensor::ErrorKind::Usage) for a share outside 0 … 1, for another element than f32, and for a tensor
/// without axes.
pub fn mixup(batch: &Tensor, share: f32) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::usage(format!("clips cannot be mixed with a share of {share}; it must be from 0 to 1")));
    }
    let values = batch.as_f32()?;
    let Some(examples) = batch.shape().axes().first().filter(|examples| **examples > 0) else {
        return Err(Error::usage(format!("a tensor of shape {} is no batch to be mixed", batch.shape())));
    };
    let length = (values.len() / examples).max(1);
    let partners = values.chunks_exact(length).rev();
    let other = 1.0 - share;
    let mixed = values
        .chunks_exact(length)
        .zip(partners)
        .flat_map(|(own, partner)| own.iter().zip(partner).map(move |(own, partner)| share * own + other * partner));
    Tensor::f32(batch.shape().clone(), mixed.collect())
}
