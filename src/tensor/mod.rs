//! Shapes, element types, tensors on the host, closeness of two tensors, and the error type.
//!
//! The lowest floor: it knows nothing of devices, kernels or models.

mod closeness;
mod error;
mod host;
mod shape;

pub use closeness::{Closeness, Offender, Tolerance};
pub use error::{Error, ErrorKind, Result};
pub use host::{Data, Element, Tensor};
pub use shape::Shape;
