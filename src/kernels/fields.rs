//! What [`uniform!`](crate::uniform!) expands to names.

pub use crate::kernels::contract::{Field, joined};
