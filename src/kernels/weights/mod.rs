//! Kernels on weights themselves: how they are stored, and how a step of training changes them.

pub mod repack;
pub mod sgd_step;

pub use repack::Repack;
pub use sgd_step::SgdStep;
