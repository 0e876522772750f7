//! Some rows of each sequence: what becomes of a gradient where a token was put in front.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`TokenRows`].
static FAMILY: Family = Family {
    name: "token_rows",
    formula: "out[b, i, c] = in[b, first + i, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[B·N, C]"), Binding::write("output", "[B·N₀, C]")],
    variants: variants_of::<TokenRows>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Copies the same tokens of each of `sequences` sequences.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenRows {
    /// B.
    pub sequences: usize,
    /// N: the tokens of a sequence.
    pub tokens: usize,
    /// Those that are copied, N₀ of them.
    pub copied: Range<usize>,
    /// C.
    pub width: usize,
}

impl TokenRows {
    /// The `copied` of `tokens` tokens of each sequence, `width` columns wide.
    pub fn new(sequences: usize, tokens: usize, copied: Range<usize>, width: usize) -> Self {
        Self { sequences, tokens, copied, width }
    }
}

impl Kernel for TokenRows {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::token_rows;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(token_rows);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = |tokens: usize| Some([self.sequences * tokens, self.width].into());
        vec![rows(self.tokens), rows(self.copied.len())]
    }

    fn validate(&self) -> Result<()> {
        let Self { sequences, tokens, copied, width } = self;
        if *sequences == 0 || *width == 0 || copied.is_empty() || copied.end > *tokens {
            return Err(Error::usage(format!(
                "{copied:?} are not tokens of {sequences} sequences of {tokens} tokens of {width} columns"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        0
    }
}
