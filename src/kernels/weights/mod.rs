//! Kernels on formats and weights: repacking, halves as floats, and steps of training.

mod repack;
mod sgd_step;
mod widen;

pub use repack::Repack;
pub use sgd_step::SgdStep;
pub use widen::Widen;
