//! tubelet: ViViT, the video vision transformer, as hand-written WGSL compute kernels.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "cli")]
pub mod bench;
pub mod checkpoint;
pub mod engine;
pub mod gpu;
pub mod graph;
pub mod kernels;
pub mod tensor;
pub mod video;
pub mod vivit;

pub use engine::{Class, Classes, LoadOptions, Vivit};
pub use gpu::{Device, DeviceOptions};
pub use tensor::{Error, ErrorKind, Result, Tensor};
pub use video::{Preset, Sampling};
