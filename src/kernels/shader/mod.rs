//! How kernels run as WGSL: variants, the dispatches of a call, templates, compiled programs, and their check.

mod dispatches;
mod packing;
mod program;
mod selection;
pub mod suite;
mod template;
mod variant;

pub use dispatches::Launch;
pub use packing::Packing;
pub use program::{Program, ProgramBuilder, render};
pub use selection::Selection;
pub use template::{Literals, Templates};
pub use variant::{Class, Needs, Variant};
