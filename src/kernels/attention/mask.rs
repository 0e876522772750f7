//! Masks: which keys of its sequence a query sees (spec §4.2).

use crate::tensor::{Error, Result, named};

/// Which keys a query sees (spec §4.2). A sequence is `class_tokens` class tokens, then `tokens_per_time` tokens for
/// each temporal index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mask {
    /// Whether tokens see their own and earlier temporal indices only, and no class token; class tokens see all.
    pub causal: bool,
    /// Whether the call is given the validity of temporal indices, `[B, T]`; tokens of invalid ones are not seen.
    pub validity: bool,
    /// Class tokens at the start of a sequence; always valid.
    pub class_tokens: usize,
    /// Tokens of a temporal index: S for joint attention, 1 for temporal.
    pub tokens_per_time: usize,
    /// The output of a query that sees no key.
    pub empty_row: EmptyRow,
}

/// The output of a query that sees no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum EmptyRow {
    /// Zero, and probabilities of zero.
    #[default]
    Zero,
    /// The mean of the values of all keys, as from implementations that mask with a large negative score.
    Uniform,
}

named!(EmptyRow, "an empty row": Zero = "zero", Uniform = "uniform");

impl EmptyRow {
    /// Its number in WGSL.
    pub(in crate::kernels) fn code(self) -> u32 {
        match self {
            Self::Zero => 0,
            Self::Uniform => 1,
        }
    }
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

    /// T; an error where `tokens` are not class tokens and whole temporal indices.
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
