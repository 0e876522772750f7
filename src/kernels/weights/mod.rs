//! Kernels on formats and weights: repacking, halves as floats, and what steps of training consist of.

mod accumulate;
mod adamw_step;
mod gradient_norm;
mod repack;
mod sgd_step;
mod square_sum;
mod widen;

pub use accumulate::Accumulate;
pub use adamw_step::AdamwStep;
pub use gradient_norm::GradientNorm;
pub use repack::Repack;
pub use sgd_step::SgdStep;
pub use square_sum::SquareSum;
pub use widen::Widen;
