//! The peak rates of a device: kernels that only compute, or only copy.

mod arithmetic;
mod copy;

pub(crate) use arithmetic::PeakArithmetic;
pub(crate) use copy::PeakCopy;
