//! tubelet: ViViT, the video vision transformer, as hand-written WGSL compute kernels.

pub mod checkpoint;
pub mod tensor;
pub mod vivit;
