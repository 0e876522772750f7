//! Elements by the sequence that they are in.

use std::ops::Range;

use crate::kernels::shader::word;
use crate::tensor::Result;

/// The sequence in which `elements` begin, and where in it; each has `length` elements. An error where WGSL cannot number
/// all of the elements from there on.
pub(super) fn first_of(elements: &Range<usize>, length: usize) -> Result<(usize, u32)> {
    let start = elements.start % length;
    word(start + elements.len())?;
    Ok((elements.start / length, word(start)?))
}

/// The parts of `elements` that lie within one sequence each, with the number of that sequence; each has `length`
/// elements.
#[cfg(feature = "cpu")]
pub(super) fn by_sequence(elements: Range<usize>, length: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let sequences = elements.start / length..elements.end.div_ceil(length);
    sequences.map(move |sequence| {
        let (start, end) = (sequence * length, (sequence + 1) * length);
        (sequence, elements.start.max(start)..elements.end.min(end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_begin_in_a_sequence() {
        assert_eq!([0..6, 4..11, 5..7].map(|elements| first_of(&elements, 5).unwrap()), [(0, 0), (0, 4), (1, 0)]);
        assert!(first_of(&(0..1 << 33), 5).is_err());
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn parts_follow_one_another() {
        let parts = |elements, length| by_sequence(elements, length).collect::<Vec<_>>();
        assert_eq!(parts(0..6, 3), [(0, 0..3), (1, 3..6)]);
        assert_eq!(parts(4..11, 5), [(0, 4..5), (1, 5..10), (2, 10..11)]);
        assert_eq!(parts(5..7, 5), [(1, 5..7)]);
    }
}
