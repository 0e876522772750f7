//! tubelet: ViViT, the video vision transformer, as hand-written WGSL compute kernels.

pub mod tensor;
pub mod video;
