//! Training: the loss of a model on labelled clips, and how it grows with each of its weights.

mod gradients;
mod labels;

pub use gradients::{GradientOptions, Gradients, gradients, norm};
pub use labels::Labels;
