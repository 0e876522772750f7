//! What a kernel declares: its operands and formula, and the cases it is held to.

mod cases;
mod operation;

pub use cases::{Case, Fill};
pub use operation::{
    Access, Binding, Call, Cost, Family, Field, Kernel, Operation, input, joined, rounded_reference, variants_of,
};
