//! tubelet: ViViT, the video vision transformer, as hand-written WGSL compute kernels.

pub mod gpu;
pub mod graph;
pub mod kernels;
pub mod tensor;
