//! Shapes, formats, tensors on the host and of the references, closeness of two tensors, the error type, and text that
//! is safe to print.
//!
//! The lowest floor: it knows nothing of devices, kernels or models.

mod closeness;
mod error;
mod exact;
mod format;
mod host;
mod naming;
mod printable;
mod shape;

pub use closeness::{Allowance, Closeness, Offender, Tolerance};
pub use error::{Error, ErrorKind, Result};
pub use exact::Exact;
pub use format::{Element, Format, Layout};
/// The half of 16 bits that [`Data::F16`] holds, of the crate `half`.
pub use half::f16;
pub use host::{Data, Tensor};
pub(crate) use naming::named;
pub use printable::{LONGEST_TEXT, printable};
pub use shape::Shape;
