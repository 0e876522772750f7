//! The dispatches that compute a call.

use std::ops::Range;

use crate::kernels::shader::Literals;

/// One dispatch of a kernel: what its WGSL is rendered with, its parameters, and the part of each operand it sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Literals of the WGSL template.
    pub literals: Literals,
    /// The bytes of the parameter struct.
    pub parameters: Vec<u8>,
    /// Workgroups along x, y and z.
    pub groups: [u32; 3],
    /// For each binding, the bytes of its operand (as packed) that are bound; `None` for all of them.
    pub windows: Vec<Option<Range<u64>>>,
}
