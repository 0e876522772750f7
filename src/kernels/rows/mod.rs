//! Kernels that work row by row: statistics over the last axis, pooling, sums, assembly, element by element.

mod activation_gradient;
mod column_sum;
mod cross_entropy;
mod dropout;
mod elements;
mod gated_sum;
mod head_dot;
mod layer_norm;
mod layer_norm_gradient;
mod pointwise;
mod pool;
mod pool_gradient;
mod row_losses;
mod sequences;
mod sigmoid_cross_entropy;
mod softmax;
mod token_assembly;
mod token_rows;
mod transpose;

pub use activation_gradient::ActivationGradient;
pub use column_sum::ColumnSum;
pub use cross_entropy::{CrossEntropy, Target};
pub use dropout::Dropout;
pub use gated_sum::GatedSum;
pub use head_dot::HeadDot;
pub use layer_norm::LayerNorm;
pub use layer_norm_gradient::LayerNormGradient;
pub use pointwise::{Pointwise, Step};
pub use pool::{Masking, Pool, Pooling};
pub use pool_gradient::PoolGradient;
pub use sigmoid_cross_entropy::SigmoidCrossEntropy;
pub use softmax::Softmax;
pub use token_assembly::TokenAssembly;
pub use token_rows::TokenRows;
pub use transpose::Transpose;
