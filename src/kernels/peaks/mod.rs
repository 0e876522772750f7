//! The peak rates of a device: kernels that only compute, or only copy.

mod arithmetic;
mod copy;

pub use arithmetic::PeakArithmetic;
pub use copy::PeakCopy;
