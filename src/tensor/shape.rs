//! Sizes of the axes of a tensor.

use std::fmt;

use super::{Error, Result};

/// The sizes of a tensor's axes, outermost first; the last axis is contiguous in memory.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The sizes, outermost first.
    pub fn axes(&self) -> &[usize] {
        &self.0
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of elements: the product of all axes, 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Size of the innermost axis, 1 for a scalar.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// Product of all axes but the innermost.
    pub fn rows(&self) -> usize {
        self.0.split_last().map_or(1, |(_, outer)| outer.iter().product())
    }

    /// In how many contiguous runs each of `parts` lies in a tensor of this shape, to which they are joined along the one axis
    /// on which they are smaller: the product of the axes before it.
    ///
    /// # Errors
    ///
    /// [`Usage`](super::ErrorKind::Usage) where parts differ from this shape on another axis, or do not add up to it.
    pub(crate) fn runs_of(&self, parts: &[&Shape]) -> Result<usize> {
        let differing = |part: &&Shape| self.0.iter().zip(&part.0).position(|(whole, part)| whole != part);
        let axis = parts.iter().find_map(differing).unwrap_or(0);
        let equal_elsewhere = |part: &Shape| {
            let mut axes = self.0.iter().zip(&part.0).enumerate();
            part.rank() == self.rank() && axes.all(|(index, (whole, part))| index == axis || whole == part)
        };
        if let Some(wrong) = parts.iter().find(|part| !equal_elsewhere(part)) {
            return Err(Error::usage(format!(
                "a tensor of {wrong} is no part of one of {self} along axis {axis}: all other axes are to be equal"
            )));
        }
        let size_of = |shape: &Shape| shape.0.get(axis).copied().unwrap_or(1);
        let size = parts.iter().map(|part| size_of(part)).fold(0, usize::saturating_add);
        if size != size_of(self) {
            let count = parts.len();
            return Err(Error::usage(format!(
                "parts do not make a tensor of {self}: the {count} of them have {size} together along axis {axis}"
            )));
        }
        Ok(self.0.iter().take(axis).product())
    }

    /// Whether both are the same rows of the same width, however the rows are grouped:
    /// `[2, 65, 64]` and `[130, 64]` are.
    pub(crate) fn regroups(&self, other: &Shape) -> bool {
        self.last() == other.last() && self.rows() == other.rows()
    }
}

impl<const R: usize> From<[usize; R]> for Shape {
    fn from(axes: [usize; R]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(axes: Vec<usize>) -> Self {
        Self(axes)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(parts: &[&[usize]], whole: &[usize]) -> Option<usize> {
        let parts: Vec<_> = parts.iter().map(|axes| Shape::from(*axes)).collect();
        Shape::from(whole).runs_of(&parts.iter().collect::<Vec<_>>()).ok()
    }

    #[test]
    fn parts_differ_along_one_axis_and_add_up() {
        assert_eq!(runs(&[&[1, 3, 2], &[3, 3, 2]], &[4, 3, 2]), Some(1));
        assert_eq!(runs(&[&[4, 1, 2], &[4, 2, 2]], &[4, 3, 2]), Some(4));
        assert_eq!(runs(&[&[4, 3, 2], &[4, 3, 0]], &[4, 3, 2]), Some(12));
        assert_eq!(runs(&[&[4, 3, 2]], &[4, 3, 2]), Some(1));
        assert_eq!(runs(&[&[]], &[]), Some(1));
        for (parts, whole) in [
            // As many elements, yet of other rows.
            (&[&[3, 2, 2][..]][..], &[2, 3, 2][..]),
            (&[&[1, 2, 2], &[2, 1, 2]], &[2, 2, 2]),
            (&[&[1, 3, 2], &[2, 1, 3]], &[2, 3, 2]),
            (&[&[2, 6]], &[2, 3, 2]),
            (&[&[2, 3, 2, 1]], &[2, 3, 2]),
            // Too few, too many, none.
            (&[&[2, 1, 2]], &[2, 3, 2]),
            (&[&[2, 3, 2], &[2, 3, 2]], &[2, 3, 2]),
            (&[&[usize::MAX, 0], &[2, 0]], &[1, 0]),
            (&[], &[2, 3, 2]),
            (&[&[], &[]], &[]),
        ] {
            assert_eq!(runs(parts, whole), None, "{parts:?} {whole:?}");
        }
    }
}
