//! The device floor: the only place that names wgpu.
//!
//! A [`Gpu`] is opened by name, index or kind, or made from a wgpu device that the caller already has. It asks for
//! the adapter's real limits, keeps every compiled [`Pipeline`], and turns whatever a driver does (validation errors,
//! out of memory, a lost device) into an [`Error`](crate::tensor::Error) of the right kind.
//!
//! Above this floor there are [`Buffer`]s, [`Pipeline`]s with their [`Bindings`], and [`Commands`] that run them.

mod buffer;
mod capabilities;
mod commands;
mod device;
mod fault;
mod identity;
mod pipeline;

pub use buffer::{Buffer, Window};
pub use capabilities::{Capabilities, DeviceKind, Limits, MatrixShape, Subgroup};
pub use commands::{Commands, Dispatch, Timing};
pub use device::{Gpu, GpuChoice, GpuOptions, devices};
pub use identity::DeviceId;
pub use pipeline::{Bindings, Pipeline, Slot};
/// The wgpu that the crate is built on, for applications that share a device with it.
pub use wgpu;
