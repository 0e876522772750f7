//! Kernels that work row by row: statistics over the last axis, pooling, sums, assembly, element by element.

pub mod column_sum;
pub mod layer_norm;
pub mod pointwise;
pub mod pool;
pub mod softmax;
pub mod token_assembly;

pub use column_sum::ColumnSum;
pub use layer_norm::LayerNorm;
pub use pointwise::{Pointwise, Step};
pub use pool::{Pool, Pooling};
pub use softmax::Softmax;
pub use token_assembly::TokenAssembly;
