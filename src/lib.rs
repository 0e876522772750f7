//! ViViT, the video vision transformer (Arnab et al., ICCV 2021), as hand-written WGSL compute kernels on wgpu.
//!
//! All four models of the paper: load a checkpoint, hand over a video, get classes, features, attention maps or any
//! value inside, on any Vulkan, Metal or DX12 device or on the processor; without CUDA, without Python.
//!
//! ```no_run
//! let device = tubelet::Device::open(&Default::default())?;
//! let model = tubelet::Vivit::load(&device, "google/vivit-b-16x2-kinetics400")?;
//! # #[cfg(feature = "video")] {
//! let clip = tubelet::video::open("clip.mp4")?.clip(&model.sampling())?;
//! for class in model.classify(&clip)?.top(5) {
//!     println!("{:5.1} %  {}", 100.0 * class.probability, class.name);
//! }
//! # }
//! # Ok::<(), tubelet::Error>(())
//! ```
//!
//! # What it costs
//!
//! A ViViT-B of 32 frames is 0.9 TFLOP a clip in f32. Its weights take 340 MiB on the device and its intermediate
//! values 83 MiB a clip. A forward pass is one submission (a few on GPUs that would take seconds); the second one
//! compiles and uploads nothing, and allocates only what its results are read from. What passes, batches and attention
//! maps need is kept for the next ones, within [`LoadOptions::kept_bytes`].
//!
//! # What it does not do
//!
//! Inference is in f32 or, on devices that run WGSL, in f16 with sums in f32; gradients are in f32. Pickled checkpoints are
//! not read.
//!
//! # Without blocking
//!
//! A call that waits for a device has a twin whose name ends in `_async`; below [`engine`] it returns a
//! [`Pending`](gpu::Pending), which is a future and can be waited for. Natively futures complete under any executor:
//! the device has a thread that polls it for them. On `wasm32` there are no blocking forms. The processor as a device
//! computes in the thread that polls the future; reading a checkpoint and compiling run there too. Where that hurts,
//! spawn the future. Poll a future that has been started to its end, or drop it: others wait for what it holds.
//!
//! # The floors
//!
//! Each builds on those below it and knows nothing of those above. Any of them can be used by itself.
//!
//! | floor | what it holds |
//! |---|---|
//! | `cli` | the program `tubelet`, one file a subcommand |
//! | `bench` | measurements of kernels, forward passes and training steps; part of the feature `cli` |
//! | `check` | whether kernels, models, gradients are right on a device, and what shows it where not; part of the feature `cli` |
//! | [`eval`] | data sets: manifests, figures, results that survive an interruption, shards |
//! | [`train`] | the loss of a model, how it grows with each weight, and steps that make it smaller |
//! | [`motions`] | labelled clips that the program makes, to train on without a data set |
//! | [`engine`] | the public face: load, classify, views, sliding windows, features, attention maps, forward |
//! | `report` | pictures: heat maps over frames, lines over time, confusion matrices |
//! | [`checkpoint`] | parameter files, to a configuration and named tensors |
//! | [`vivit`] | configurations, masks; the models, each in a file of its own; initialisation from image models |
//! | [`video`] | frames, sampling, presets, preparation on the device |
//! | [`graph`] | kernel calls on named values: recording, lowering, memory plan, devices, bisecting |
//! | [`kernels`] | one folder a kernel, in wings: contract, WGSL, the processor's form, naive reference, cases |
//! | [`gpu`] | the only floor that names wgpu: devices, buffers, pipelines, timing, faults |
//! | `files` | files and folders that appear whole or not at all |
//! | [`tensor`] | shapes, formats, host tensors, closeness, the error type |
//!
//! # What is promised
//!
//! These keep to semantic versioning: [`engine`], [`video`], [`checkpoint`], the configurations of [`vivit`], [`eval`],
//! `report`, [`tensor`], and of [`gpu`] and [`graph`] what the verbs of [`engine`] take and give. Beyond that [`graph`],
//! [`kernels`] and [`gpu`] may change with a minor version until 1.0. All of it is listed in `tests/public_surface.txt`.
//!
//! # Features
//!
//! `cli` (the program, `bench` and `check`), `report` (pictures; part of `cli`), `video` (sources of frames: files through
//! ffmpeg, image folders, GIF, `.npy`; and [`eval`]), `cpu` (the processor as a device), `hub` (download from the
//! Hugging Face hub) and `npz` (image models as `.npz` files, to begin a training from) are on by default. With
//! `default-features = false` the bare engine remains, with few dependencies.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What `uniform!` expands to names the crate as its users do.
extern crate self as tubelet;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod check;
pub mod checkpoint;
pub mod engine;
#[cfg(feature = "video")]
pub mod eval;
#[doc(hidden)]
pub mod files;
pub mod gpu;
pub mod graph;
pub mod kernels;
#[cfg(feature = "video")]
pub mod motions;
#[cfg(feature = "report")]
pub mod report;
pub mod tensor;
pub mod train;
pub mod video;
pub mod vivit;

pub use checkpoint::Checkpoint;
pub use engine::{
    AttentionMaps, Average, Class, Classes, Inference, LoadOptions, Pass, Sliding, SlidingOptions, Views, Vivit,
    WindowClasses,
};
pub use graph::{Device, DeviceOptions};
pub use tensor::{Error, ErrorKind, Result, Tensor};
pub use video::{Clip, Preset, Sampling};
pub use vivit::FrameMask;

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "video"))]
#[doc = include_str!("../README.md")]
struct Readme;
