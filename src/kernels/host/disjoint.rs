//! Memory that several blocks write at once.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// An output of which each block takes its own parts, contiguous or not; an element can be taken once.
pub(in crate::kernels) struct Disjoint<'a> {
    first: *mut f32,
    elements: usize,
    /// A bit for each element that has been taken.
    taken: Vec<AtomicU64>,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is the exclusive borrow of a slice, of which `part` hands out each element once, whoever asks.
#[allow(unsafe_code)]
unsafe impl Send for Disjoint<'_> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Disjoint<'_> {}

impl<'a> Disjoint<'a> {
    pub(in crate::kernels) fn new(memory: &'a mut [f32]) -> Self {
        let (first, elements) = (memory.as_mut_ptr(), memory.len());
        let taken = std::iter::repeat_with(AtomicU64::default).take(elements.div_ceil(BITS)).collect();
        Self { first, elements, taken, memory: PhantomData }
    }

    /// Takes the elements of `range`.
    ///
    /// # Panics
    ///
    /// Where one lies outside the memory or has been taken before: two blocks write the same element.
    pub(in crate::kernels) fn part(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.elements, "{range:?} of {} elements", self.elements);
        let mut next = range.start;
        while next < range.end {
            let (word, first) = (next / BITS, next % BITS);
            let count = (BITS - first).min(range.end - next);
            let bits = u64::MAX >> (BITS - count) << first;
            let before = self.taken[word].fetch_or(bits, Ordering::Relaxed);
            assert!(before & bits == 0, "{range:?} is taken twice");
            next += count;
        }
        // SAFETY: the range lies within the borrowed slice, and its bits say that nobody else has or gets any of it.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.first.add(range.start), range.len())
        }
    }
}

const BITS: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_taken_once() {
        let mut memory = vec![0.0; 200];
        let disjoint = Disjoint::new(&mut memory);
        for range in [0..0, 3..64, 0..3, 64..65, 65..193, 193..200] {
            disjoint.part(range.clone()).fill(range.start as f32 + 1.0);
        }
        drop(disjoint);
        assert!(memory.iter().all(|value| *value > 0.0));
        assert_eq!((memory[2], memory[3], memory[192], memory[199]), (1.0, 4.0, 66.0, 194.0));
    }

    #[test]
    fn what_is_taken_or_outside_is_not_given() {
        let refused = |taken: Range<usize>, wanted: Range<usize>| {
            let mut memory = vec![0.0; 200];
            let disjoint = Disjoint::new(&mut memory);
            disjoint.part(taken);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| disjoint.part(wanted).len())).is_err()
        };
        assert!(
            refused(10..20, 19..30) && refused(10..20, 0..11) && refused(63..130, 129..130) && refused(0..1, 150..201)
        );
        assert!(!refused(10..20, 20..30) && !refused(0..64, 64..128));
    }
}
