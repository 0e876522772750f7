//! Pooling of a sequence's tokens into one vector (spec §2.1), over the valid ones where some are not (spec §4.2).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
pub(super) mod reference;
pub(super) mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::pool_gradient::PoolGradient;
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`Pool`].
static FAMILY: Family = Family {
    name: "pool",
    formula: "out[b, c] = in[b, 0, c], or the mean, maximum or sum over valid n of in[b, n, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[B, N, C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[B, C]"),
    ],
    variants: variants_of::<Pool>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// How the tokens of a sequence become one vector: the `classifier` of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooling {
    /// `token`: the first one, valid or not.
    Token,
    /// `gap`: their mean.
    Mean,
    /// `gmp`: their maximum, column by column.
    Max,
    /// `gsp`: their sum.
    Sum,
}

/// Which tokens of a sequence count: those of valid temporal indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Masking {
    /// K: tokens at the start of a sequence that belong to no temporal index and always count.
    pub class_tokens: usize,
    /// S: adjacent tokens that belong to one temporal index.
    pub tokens_per_time: usize,
}

/// Pools `sequences` sequences of `tokens` tokens of `width` columns, one vector each.
///
/// A NaN in a token that counts is a NaN in the result, of a maximum too; tokens that do not count have no influence.
/// Where none counts the mean is NaN, the maximum −∞ and the sum 0.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pool {
    /// B.
    pub sequences: usize,
    /// N.
    pub tokens: usize,
    /// C.
    pub width: usize,
    /// How the tokens become a vector.
    pub pooling: Pooling,
    /// Set where the call has an input `[B, T]`, whose words other than 0 mark valid temporal indices.
    pub masking: Option<Masking>,
}

impl Pool {
    /// All tokens count.
    pub fn new(sequences: usize, tokens: usize, width: usize, pooling: Pooling) -> Self {
        Self { sequences, tokens, width, pooling, masking: None }
    }

    /// Tokens of valid temporal indices count alone, which an input `[B, T]` marks.
    #[must_use]
    pub fn masking(self, masking: impl Into<Option<Masking>>) -> Self {
        Self { masking: masking.into(), ..self }
    }

    /// T; 0 without masking.
    pub(super) fn times(&self) -> usize {
        self.masking
            .map_or(0, |masking| self.tokens.saturating_sub(masking.class_tokens) / masking.tokens_per_time.max(1))
    }

    /// Tokens of a sequence that are looked at.
    fn pooled_tokens(&self) -> usize {
        if self.pooling == Pooling::Token { 1 } else { self.tokens }
    }
}

impl Kernel for Pool {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::pool;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(pool);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![
            Some([self.sequences, self.tokens, self.width].into()),
            self.masking.map(|_| [self.sequences, self.times()].into()),
            Some([self.sequences, self.width].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let Self { sequences, tokens, width, .. } = *self;
        if sequences == 0 || tokens == 0 || width == 0 {
            return Err(Error::usage(format!(
                "{sequences} sequences of {tokens} tokens of {width} columns are nothing to pool"
            )));
        }
        match self.masking {
            Some(Masking { class_tokens, tokens_per_time })
                if tokens_per_time == 0
                    || class_tokens >= tokens
                    || !(tokens - class_tokens).is_multiple_of(tokens_per_time) =>
            {
                Err(Error::usage(format!(
                    "{tokens} tokens are not {class_tokens} class tokens and {tokens_per_time} for each temporal index"
                )))
            }
            _ => Ok(()),
        }
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.masking.map_or(0, |_| self.sequences * self.times());
        Element::F32.bytes_of(self.sequences * self.pooled_tokens() * self.width + validity)
    }

    fn operations(&self) -> u64 {
        match self.pooling {
            Pooling::Token => 0,
            _ => (self.sequences * self.tokens * self.width) as u64,
        }
    }
}

/// Handed to the tokens that were pooled; to those of a maximum as it was found.
fn gradient(call: &Pool, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let (input, validity) = (of.input(0)?, of.inputs.get(1).copied().flatten());
    let [input, pooled] = match call.pooling {
        Pooling::Max => [Some(input), Some(of.output(0)?)],
        Pooling::Token | Pooling::Mean | Pooling::Sum => [None; 2],
    };
    let of_input = tape.one(PoolGradient::new(call.clone()), &[input, validity, pooled, Some(of.gradient(0)?)])?;
    Ok(vec![Some(of_input), None])
}
