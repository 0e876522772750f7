//! Kernels on weights: repacking into other formats, and steps of training.

mod repack;
mod sgd_step;

pub use repack::Repack;
pub use sgd_step::SgdStep;
