//! What a device reaches at most: kernels that do nothing but compute, or nothing but copy.

pub mod arithmetic;
pub mod copy;

pub use arithmetic::PeakArithmetic;
pub use copy::PeakCopy;
