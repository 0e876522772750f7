//! The device floor: the only place that names wgpu.
//!
//! A [`Gpu`] is opened by name, index or kind, or made from a wgpu device that the caller already has. It asks for
//! the adapter's real limits, keeps every compiled [`Pipeline`], and turns whatever a driver does (validation errors,
//! out of memory, a lost device) into an [`Error`](crate::tensor::Error) of the right kind.
//!
//! [`DeviceFrames`] are pictures in an application's own textures or buffer.
//!
//! Above this floor there are [`Buffer`]s, [`Pipeline`]s with their [`Bindings`], and [`Commands`] that run them. What a
//! device is still working on is [`Pending`].

mod buffer;
mod capabilities;
mod choice;
mod commands;
mod device;
mod family;
mod fault;
mod frames;
mod identity;
mod pending;
mod pipeline;
mod turns;

pub use buffer::{Buffer, Readback, Window};
/// The bytemuck that the crate is built on: what uniforms and contents of buffers are made of.
pub use bytemuck;
pub use capabilities::{Capabilities, DeviceKind, Limits, MatrixShape, Subgroup};
#[cfg(not(target_arch = "wasm32"))]
pub use choice::devices;
pub use choice::{GpuChoice, GpuOptions, devices_async};
pub use commands::{Commands, Dispatch, Timing};
pub use device::{Gpu, WgpuHandles};
pub use family::DeviceFamily;
pub use frames::{BufferLayout, DeviceFrames, PixelOrder};
pub use identity::DeviceId;
#[cfg(not(target_arch = "wasm32"))]
pub use pending::NoWaiting;
pub use pending::Pending;
pub use pipeline::{Bindings, Pipeline, Slot};
pub(crate) use turns::Turns;
/// The wgpu that the crate is built on, for applications that share a device with it.
pub use wgpu;
