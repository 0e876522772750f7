//! Kernels on weights themselves: how they are stored.

pub mod repack;

pub use repack::Repack;
