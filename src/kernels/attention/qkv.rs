//! The packed layout of queries, keys and values.

use crate::tensor::{Error, Result, Shape};

/// Queries, keys and values in one tensor, as one linear product leaves them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Qkv {
    /// R: the tokens of all sequences, batch outermost.
    pub rows: usize,
    /// H.
    pub heads: usize,
    /// D, at most [`Qkv::WIDEST`].
    pub width: usize,
    /// The order of its axes.
    pub layout: QkvLayout,
}

/// The order of the axes of a [`Qkv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QkvLayout {
    /// `[3H, R, D]`: planes of H queries, H keys, H values; a head's tokens are adjacent.
    Planes,
    /// `[R, 3C]`: a token's queries, keys and values are adjacent, each head-major.
    Rows,
}

impl Qkv {
    /// The widest head that the kernels take.
    pub const WIDEST: usize = 256;

    /// Queries, keys and values of `rows` tokens in planes, `[3H, R, D]`.
    pub fn in_planes(rows: usize, heads: usize, width: usize) -> Self {
        Self { rows, heads, width, layout: QkvLayout::Planes }
    }

    /// Queries, keys and values of `rows` tokens token by token, `[R, 3C]`.
    pub fn in_rows(rows: usize, heads: usize, width: usize) -> Self {
        Self { rows, heads, width, layout: QkvLayout::Rows }
    }

    /// The shape of the whole tensor.
    pub fn shape(&self) -> Shape {
        match self.layout {
            QkvLayout::Planes => [3 * self.heads, self.rows, self.width].into(),
            QkvLayout::Rows => [self.rows, 3 * self.heads * self.width].into(),
        }
    }

    pub(in crate::kernels) fn validate(&self) -> Result<()> {
        let Self { rows, heads, width, .. } = *self;
        if rows == 0 || heads == 0 || width == 0 {
            return Err(Error::usage(format!("{rows} tokens with {heads} heads of width {width} cannot attend")));
        }
        if width > Self::WIDEST {
            return Err(Error::unsupported(format!(
                "heads of width {width} are wider than the {} that attention takes",
                Self::WIDEST
            )));
        }
        Ok(())
    }
}
