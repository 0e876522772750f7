//! Workgroups of the kernels that do a step of their own on each element, by `shaders/rows/elements.wgsl`.

/// Invocations of a workgroup.
pub(super) const INVOCATIONS: u32 = 64;
/// Elements of a workgroup: four an invocation.
pub(super) const ELEMENTS: u32 = 4 * INVOCATIONS;
