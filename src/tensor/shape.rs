//! Sizes of the axes of a tensor.

use std::fmt;

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

    /// How many contiguous runs of `whole` a part of it is, which is smaller on one axis: the product of the axes before it.
    pub fn runs_in(&self, whole: &Shape) -> usize {
        let differs = self.0.iter().zip(&whole.0).position(|(part, whole)| part != whole);
        whole.0[..differs.unwrap_or(0)].iter().product()
    }

    /// Whether both are the same rows of the same width, however the rows are grouped:
    /// `[2, 65, 64]` and `[130, 64]` are.
    pub fn regroups(&self, other: &Shape) -> bool {
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
