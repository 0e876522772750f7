//! Kernels that work row by row: statistics over the last axis, pooling, assembly, element by element.

pub mod layer_norm;
pub mod pointwise;
pub mod pool;
pub mod softmax;
pub mod token_assembly;

pub use layer_norm::LayerNorm;
pub use pointwise::{Pointwise, Step};
pub use pool::{Pool, Pooling};
pub use softmax::Softmax;
pub use token_assembly::TokenAssembly;
