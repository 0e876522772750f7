//! Memory that blocks write side by side.

use std::marker::PhantomData;
use std::ops::Range;

/// An output of which each block writes a part of its own, not necessarily a contiguous one.
pub(in crate::kernels) struct Disjoint<'a> {
    first: *mut f32,
    elements: usize,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is the exclusive borrow of a slice, of which `part` hands out pieces that by its contract never overlap.
#[allow(unsafe_code)]
unsafe impl Send for Disjoint<'_> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Disjoint<'_> {}

impl<'a> Disjoint<'a> {
    pub(in crate::kernels) fn new(memory: &'a mut [f32]) -> Self {
        Self { first: memory.as_mut_ptr(), elements: memory.len(), memory: PhantomData }
    }

    /// The elements of `range`.
    ///
    /// # Safety
    ///
    /// No two parts that are alive at the same time have an element in common.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub(in crate::kernels) unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.elements, "{range:?} of {} elements", self.elements);
        // SAFETY: the range lies within the borrowed slice, and by the contract nobody else holds any of it.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(range.start), range.len()) }
    }
}
