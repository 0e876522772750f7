//! Which tokens attend to which: layouts, sequences, masks.

use std::ops::Range;

use crate::tensor::{Error, Result, Shape};

/// Queries, keys and values in one tensor, as one linear product leaves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qkv {
    /// R: the tokens of all sequences, batch outermost.
    pub rows: usize,
    /// H.
    pub heads: usize,
    /// D, at most [`Qkv::WIDEST`].
    pub width: usize,
    /// Where head and token lie.
    pub layout: QkvLayout,
}

/// The order of the axes of a [`Qkv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            return Err(Error::unsupported(format!("heads of width {width}; the widest is {}", Self::WIDEST)));
        }
        Ok(())
    }
}

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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.outer * self.inner
    }

    /// The rows they have together: R.
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

/// Which keys a query sees (spec §4.2). A sequence is `class_tokens` class tokens, then `tokens_per_time` tokens for
/// each temporal index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Whether tokens see their own and earlier temporal indices only, and no class token; class tokens see all.
    pub causal: bool,
    /// Whether the call is given the validity of temporal indices, `[B, T]`; tokens of invalid ones are not seen.
    pub validity: bool,
    /// Class tokens at the start of a sequence; always valid.
    pub class_tokens: usize,
    /// Tokens of a temporal index: S for joint attention, 1 for temporal.
    pub tokens_per_time: usize,
    /// What a query gets that sees no key.
    pub empty_row: EmptyRow,
}

/// What a query gets that sees no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EmptyRow {
    /// Zero, and probabilities of zero.
    #[default]
    Zero,
    /// The mean of the values of all keys, as implementations do that mask with a large negative score.
    Uniform,
}

impl Mask {
    /// Every query sees every key.
    pub const NONE: Self =
        Self { causal: false, validity: false, class_tokens: 0, tokens_per_time: 1, empty_row: EmptyRow::Zero };

    /// No mask yet on sequences of `class_tokens` and `tokens_per_time` tokens for each temporal index.
    pub fn of(class_tokens: usize, tokens_per_time: usize) -> Self {
        Self { class_tokens, tokens_per_time, ..Self::NONE }
    }

    /// Causal in time.
    #[must_use]
    pub fn causal(self) -> Self {
        Self { causal: true, ..self }
    }

    /// With the validity of temporal indices.
    #[must_use]
    pub fn validity(self) -> Self {
        Self { validity: true, ..self }
    }

    /// With another result for queries that see no key.
    #[must_use]
    pub fn empty_row(self, empty_row: EmptyRow) -> Self {
        Self { empty_row, ..self }
    }

    /// T, an error where `tokens` are not class tokens and whole temporal indices.
    pub(in crate::kernels) fn times(&self, tokens: usize) -> Result<usize> {
        let Self { class_tokens, tokens_per_time, .. } = *self;
        match tokens.checked_sub(class_tokens) {
            Some(patches) if tokens_per_time > 0 && patches % tokens_per_time == 0 => Ok(patches / tokens_per_time),
            _ => Err(Error::usage(format!(
                "{tokens} tokens are not {class_tokens} class tokens and {tokens_per_time} for each temporal index"
            ))),
        }
    }
}

/// Heads that attend alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The heads.
    pub heads: Range<usize>,
    /// The sequences they attend within.
    pub sequences: Sequences,
    /// What they do not see.
    pub mask: Mask,
}

impl Part {
    /// The shape of the validity it is given, `[B, T]`; `None` without one.
    pub(in crate::kernels) fn validity(&self) -> Option<Shape> {
        let times = self.mask.times(self.sequences.tokens).ok()?;
        self.mask.validity.then(|| [self.sequences.outer, times].into())
    }

    /// Bytes of the rows that `queries` tokens of each sequence have of the queries, and all tokens of `others` more
    /// tensors, in heads of `width`; and of the validity.
    pub(in crate::kernels) fn bytes_read(&self, width: usize, queries: usize, others: usize) -> u64 {
        let rows = self.sequences.count() * (queries + others * self.sequences.tokens);
        let validity = self.validity().map_or(0, |shape| shape.elements());
        4 * (rows * self.heads.len() * width + validity) as u64
    }

    pub(in crate::kernels) fn validate(&self, qkv: &Qkv, queries: &Range<usize>) -> Result<()> {
        self.sequences.validate(qkv.rows)?;
        self.mask.times(self.sequences.tokens)?;
        if self.heads.is_empty() || self.heads.end > qkv.heads {
            return Err(Error::usage(format!("heads {:?} of {}", self.heads, qkv.heads)));
        }
        if queries.is_empty() || queries.end > self.sequences.tokens {
            return Err(Error::usage(format!("queries {queries:?} of sequences of {} tokens", self.sequences.tokens)));
        }
        Ok(())
    }
}
