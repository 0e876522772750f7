//! tubelet: ViViT, the video vision transformer, as hand-written WGSL compute kernels.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod checkpoint;
pub mod gpu;
pub mod graph;
pub mod kernels;
pub mod tensor;
pub mod video;
pub mod vivit;
