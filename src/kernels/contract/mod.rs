//! What a kernel declares: its operands and formula, and the cases it is held to.

mod bound;
mod cases;
mod draw;
mod gradient;
mod operation;

pub use bound::{Bound, Uncertainties, Uncertainty, of_rounding, of_sum};
pub(crate) use bound::{exact, functions};
pub use cases::{Case, Fill};
pub use draw::Draw;
pub(in crate::kernels) use draw::FEW;
pub use gradient::{Backward, Gradient, Tape, TapeValue};
#[cfg(feature = "cpu")]
pub use operation::Host;
pub(crate) use operation::host_form;
pub use operation::{
    Access, Binding, Call, Cost, Family, Field, Kernel, Operation, Reference, input, joined, rounded_reference,
    variants_of,
};
