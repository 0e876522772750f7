//! Kernels that work row by row: statistics over the last axis, pooling, sums, assembly, element by element.

mod activation_gradient;
mod column_sum;
mod head_dot;
mod layer_norm;
mod layer_norm_gradient;
mod pointwise;
mod pool;
mod softmax;
mod token_assembly;
mod transpose;

pub use activation_gradient::ActivationGradient;
pub use column_sum::ColumnSum;
pub use head_dot::HeadDot;
pub use layer_norm::LayerNorm;
pub use layer_norm_gradient::LayerNormGradient;
pub use pointwise::{Pointwise, Step};
pub use pool::{Masking, Pool, Pooling};
pub use softmax::Softmax;
pub use token_assembly::TokenAssembly;
pub use transpose::Transpose;
