//! Which tokens attend to one another, and in which heads.

use std::ops::Range;

use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::qkv::Qkv;
use crate::tensor::{Error, Result, Shape};

/// Rows grouped into sequences, within which tokens attend to one another: token i of sequence (o, n) is row
/// o · `outer_stride` + n · `inner_stride` + i · `token_stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Clips: B.
    pub outer: usize,
    /// Sequences of a clip.
    pub inner: usize,
    /// Tokens of a sequence.
    pub tokens: usize,
    /// Rows from one clip to the next.
    pub outer_stride: usize,
    /// Rows from one sequence of a clip to the next.
    pub inner_stride: usize,
    /// Rows from one token of a sequence to the next.
    pub token_stride: usize,
}

/// Rows of an operand from one clip, one sequence of a clip and one token of a sequence to the next.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct RowStrides {
    pub(in crate::kernels) outer: usize,
    pub(in crate::kernels) inner: usize,
    pub(in crate::kernels) token: usize,
}

impl Sequences {
    /// Rows `[B, N]`: all `tokens` of a clip attend to one another.
    pub fn joint(batch: usize, tokens: usize) -> Self {
        Self { outer: batch, inner: 1, tokens, outer_stride: tokens, inner_stride: tokens, token_stride: 1 }
    }

    /// Rows `[B, T, S]`: the `positions` of one temporal index attend to one another.
    pub fn spatial(batch: usize, times: usize, positions: usize) -> Self {
        Self {
            outer: batch,
            inner: times,
            tokens: positions,
            outer_stride: times * positions,
            inner_stride: positions,
            token_stride: 1,
        }
    }

    /// Rows `[B, T, S]`: the `times` of one position attend to one another.
    pub fn temporal(batch: usize, times: usize, positions: usize) -> Self {
        Self {
            outer: batch,
            inner: positions,
            tokens: times,
            outer_stride: times * positions,
            inner_stride: 1,
            token_stride: positions,
        }
    }

    pub(in crate::kernels) fn row_strides(&self) -> RowStrides {
        RowStrides { outer: self.outer_stride, inner: self.inner_stride, token: self.token_stride }
    }

    /// The number of sequences, of all clips.
    pub fn count(&self) -> usize {
        self.outer * self.inner
    }

    /// R: the rows of all sequences.
    pub fn rows(&self) -> usize {
        self.count() * self.tokens
    }

    /// An error unless every one of `rows` rows is in exactly one sequence, once.
    fn validate(&self, rows: usize) -> Result<()> {
        let mut axes =
            [(self.outer_stride, self.outer), (self.inner_stride, self.inner), (self.token_stride, self.tokens)];
        axes.sort_unstable();
        let mut dense = 1;
        for (stride, count) in axes {
            if count > 1 && stride != dense {
                return Err(Error::usage(format!("{self:?} skip or repeat rows")));
            }
            dense *= count;
        }
        if dense != rows || rows == 0 {
            return Err(Error::usage(format!("{self:?} have {dense} rows, but there are {rows}")));
        }
        Ok(())
    }
}

/// Heads that attend alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The heads.
    pub heads: Range<usize>,
    /// The sequences they attend within.
    pub sequences: Sequences,
    /// Which keys their queries see.
    pub mask: Mask,
}

impl Part {
    /// These heads attend within `sequences`, and see the keys that `mask` leaves.
    pub fn new(heads: Range<usize>, sequences: Sequences, mask: Mask) -> Self {
        Self { heads, sequences, mask }
    }

    /// The shape of the validity it is given, `[B, T]`; `None` without one.
    pub(in crate::kernels) fn validity(&self) -> Option<Shape> {
        let times = self.mask.times(self.sequences.tokens).ok()?;
        self.mask.validity.then(|| [self.sequences.outer, times].into())
    }

    /// Elements that the heads, of `width` each, read: the queries of `queries` tokens of each sequence, and `others`
    /// (keys, values) of all tokens.
    pub(in crate::kernels) fn elements_read(&self, width: usize, queries: usize, others: usize) -> usize {
        let rows = self.sequences.count() * (queries + others * self.sequences.tokens);
        rows * self.heads.len() * width
    }

    pub(in crate::kernels) fn validate(&self, qkv: &Qkv, queries: &Range<usize>) -> Result<()> {
        self.sequences.validate(qkv.rows)?;
        self.mask.times(self.sequences.tokens)?;
        if self.heads.is_empty() || self.heads.end > qkv.heads {
            return Err(Error::usage(format!("heads {:?} are not a range of {} heads", self.heads, qkv.heads)));
        }
        if queries.is_empty() || queries.end > self.sequences.tokens {
            return Err(Error::usage(format!(
                "queries {queries:?} are not a range of {} tokens",
                self.sequences.tokens
            )));
        }
        Ok(())
    }
}
