//! Sequences from patch tokens: a class token in front, positions added (spec §1.5, §1.6).

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::column_sum::ColumnSum;
use crate::kernels::rows::token_rows::TokenRows;
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`TokenAssembly`].
static FAMILY: Family = Family {
    name: "token_assembly",
    formula: "out[b, i, c] = (i < K ? class_token[c] : tokens[b, i − K, c]) + positions[i, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("tokens", "[B·N₀, C]"),
        Binding::read("class_token", "[C]"),
        Binding::read("positions", "[N, C]"),
        Binding::write("output", "[B·N, C]"),
    ],
    variants: variants_of::<TokenAssembly>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Makes `sequences` sequences of `tokens` patch tokens each ready for an encoder.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenAssembly {
    /// B.
    pub sequences: usize,
    /// N₀: the patch tokens of a sequence, without its class token.
    pub tokens: usize,
    /// C.
    pub width: usize,
    /// Whether a class token goes in front: then N = 1 + N₀, else N = N₀.
    pub class_token: bool,
    /// Whether a table of N positions is added; the class token has the first.
    pub positions: bool,
}

impl TokenAssembly {
    /// Neither a class token nor positions.
    pub fn new(sequences: usize, tokens: usize, width: usize) -> Self {
        Self { sequences, tokens, width, class_token: false, positions: false }
    }

    /// Whether a class token goes in front.
    #[must_use]
    pub fn class_token(self, class_token: bool) -> Self {
        Self { class_token, ..self }
    }

    /// Whether a table of N positions is added.
    #[must_use]
    pub fn positions(self, positions: bool) -> Self {
        Self { positions, ..self }
    }

    /// K.
    fn class_tokens(&self) -> usize {
        usize::from(self.class_token)
    }

    /// N.
    fn sequence_rows(&self) -> usize {
        self.class_tokens() + self.tokens
    }
}

impl Kernel for TokenAssembly {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::token_assembly;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(token_assembly);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = self.sequence_rows();
        vec![
            Some([self.sequences * self.tokens, self.width].into()),
            self.class_token.then(|| [self.width].into()),
            self.positions.then(|| [rows, self.width].into()),
            Some([self.sequences * rows, self.width].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        if self.sequences == 0 || self.tokens == 0 || self.width == 0 {
            return Err(Error::usage(format!(
                "{} sequences of {} tokens of {} columns are nothing to assemble",
                self.sequences, self.tokens, self.width
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        if self.positions { (self.sequences * self.sequence_rows() * self.width) as u64 } else { 0 }
    }
}

/// The gradient without the class tokens' rows for the patch tokens; its sum over the sequences for the positions, and of
/// that the first row for the class token.
fn gradient(call: &TokenAssembly, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let (output, rows, width) = (of.gradient(0)?, call.sequence_rows(), call.width);
    let of_tokens = match call.class_token {
        true => tape.one(TokenRows::new(call.sequences, rows, 1..rows, width), &[Some(output)])?,
        false => output,
    };
    if !call.class_token && !call.positions {
        return Ok(vec![Some(of_tokens), None, None]);
    }
    let sums = tape.one(ColumnSum { rows: call.sequences, width: rows * width }, &[Some(output)])?;
    let of_class_token = match call.class_token {
        true => Some(tape.one(TokenRows::new(1, rows, 0..1, width), &[Some(sums)])?),
        false => None,
    };
    Ok(vec![Some(of_tokens), of_class_token, call.positions.then_some(sums)])
}
