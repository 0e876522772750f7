//! What a kernel declares: its operands and formula, the cases it is held to, and how a call is cut to fit a device.

mod cases;
pub mod cut;
pub(super) mod frames;
mod operation;

pub use cases::{Case, Fill};
pub use operation::{Access, Binding, Call, Cost, Family, Field, Kernel, cost, input};
