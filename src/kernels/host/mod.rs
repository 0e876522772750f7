//! What the fast implementations on the host's processor share: arguments, threads, matrix products, and vectorised
//! functions.
//!
//! An implementation is a kernel's `host.rs`. It cuts its work into blocks by the shapes of the call alone, never by
//! the number of threads, and one thread computes a block: the bits of a result do not depend on how many threads there
//! are.

mod arguments;
mod disjoint;
mod elementary;
mod product;
mod reduction;
pub mod suite;
mod threads;
mod transposition;
mod vector;

pub use arguments::{Arguments, Operand, OperandMut};
pub use threads::Threads;
pub(crate) use vector::instructions;

pub(in crate::kernels) use disjoint::Disjoint;
pub(in crate::kernels) use elementary::{activate, exp2, exponential, multiply_by_slopes};
pub(in crate::kernels) use product::{Factor, multiply};
pub(in crate::kernels) use reduction::{highest, softmax, sum, weights};
pub(in crate::kernels) use transposition::transpose;
pub(in crate::kernels) use vector::{LANES, vectorised, with_vectors};
