//! Pooling of a sequence's tokens into one vector (spec §2.1), over the valid ones where some are not (spec §4.2).

mod cases;
mod reference;

use std::ops::Range;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Pool`].
pub static FAMILY: Family = Family {
    name: "pool",
    formula: "out[b, c] = in[b, 0, c], or the mean, maximum or sum over valid n of in[b, n, c]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("input", "[B, N, C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[B, C]"),
    ],
    variants: &[
        Variant {
            name: "workgroup",
            file: "rows/pool.workgroup.wgsl",
            text: include_str!("../../../../shaders/rows/pool.workgroup.wgsl"),
            needs: Needs {
                subgroup: false,
                workgroup_bytes: 4 * SHARED_COLUMNS * SLICES,
                invocations: SHARED_COLUMNS * SLICES,
            },
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "rows/pool.wgsl",
            text: include_str!("../../../../shaders/rows/pool.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: COLUMNS },
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// Columns of a workgroup in the `plain` variant, an invocation each.
const COLUMNS: u32 = 64;
/// Partial results of an invocation in the `plain` variant.
const PARTIALS: u32 = 16;
/// Columns of a workgroup in the `workgroup` variant.
const SHARED_COLUMNS: u32 = 16;
/// Invocations that share a column in the `workgroup` variant.
const SLICES: u32 = 16;
/// Tokens of a sequence in one launch: a partial result is then a sum of 128, whose rounding stays near 1e-6 even where
/// all are equal and each addition errs to the same side.
const LONGEST_RUN: usize = 2048;

crate::kernel_parameters! {
    struct Parameters {
        sequences: u32,
        tokens: u32,
        width: u32,
        sequence_tokens: u32,
        class_tokens: u32,
        tokens_per_time: u32,
        times: u32,
        first_sequence: u32,
        first_token: u32,
        continued: u32,
        finished: u32,
        input_base: u32,
        output_base: u32,
        start: f32,
        padding_0: u32,
        padding_1: u32,
    }
}

/// What becomes of a sequence's tokens: the `classifier` of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
pub struct Pool {
    /// B.
    pub sequences: usize,
    /// N.
    pub tokens: usize,
    /// C.
    pub width: usize,
    /// What becomes of the tokens.
    pub pooling: Pooling,
    /// Set where an input `[B, T]` says by words other than 0 which temporal indices are valid.
    pub masking: Option<Masking>,
}

/// A launch's share of the work. Where a whole sequence fits a binding it may hold several sequences.
struct Piece {
    sequences: Range<usize>,
    tokens: Range<usize>,
    /// The tokens bound, counted over all sequences.
    bound: Range<usize>,
}

impl Pool {
    /// T; 0 without masking.
    fn times(&self) -> usize {
        self.masking
            .map_or(0, |masking| self.tokens.saturating_sub(masking.class_tokens) / masking.tokens_per_time.max(1))
    }

    /// Tokens of a sequence that are looked at.
    fn pooled_tokens(&self) -> usize {
        if self.pooling == Pooling::Token { 1 } else { self.tokens }
    }

    fn pieces(&self, limits: &Limits) -> Result<Vec<Piece>> {
        let token_bytes = 4 * self.width as u64;
        let sequence_bytes = token_bytes * self.tokens as u64;
        let room = cut::room_anywhere(limits);
        let pooled = self.pooled_tokens();
        let mut pieces = Vec::new();
        if sequence_bytes <= room {
            let sequences_at_once = (room / sequence_bytes) as usize;
            for first in (0..self.sequences).step_by(sequences_at_once) {
                let sequences = first..self.sequences.min(first + sequences_at_once);
                let bound = sequences.start * self.tokens..sequences.end * self.tokens;
                for tokens in slices(0..pooled) {
                    pieces.push(Piece { sequences: sequences.clone(), tokens, bound: bound.clone() });
                }
            }
        } else {
            let runs = cut::runs_anywhere(pooled, &[token_bytes], limits)?;
            for sequence in 0..self.sequences {
                for tokens in runs.iter().cloned().flat_map(slices) {
                    let start = sequence * self.tokens;
                    let bound = start + tokens.start..start + tokens.end;
                    pieces.push(Piece { sequences: sequence..sequence + 1, tokens, bound });
                }
            }
        }
        Ok(pieces)
    }

    fn launch(&self, piece: &Piece, variant: &Variant, limits: &Limits) -> Result<Launch> {
        let row_bytes = 4 * self.width;
        let (input, input_start) = cut::align_down(cut::bytes(&piece.bound, row_bytes), limits);
        let (output, output_base) = cut::align_down(cut::bytes(&piece.sequences, row_bytes), limits);
        let skipped = piece.sequences.start * self.tokens + piece.tokens.start - piece.bound.start;
        let columns = match variant.name {
            "workgroup" => SHARED_COLUMNS,
            "plain" => COLUMNS,
            _ => return Err(variant.unknown()),
        };
        let groups = (self.width as u64).div_ceil(u64::from(columns)) * piece.sequences.len() as u64;
        let masking = self.masking.filter(|_| self.pooling != Pooling::Token);
        let parameters = Parameters {
            sequences: word(piece.sequences.len())?,
            tokens: word(piece.tokens.len())?,
            width: word(self.width)?,
            sequence_tokens: word(self.tokens)?,
            class_tokens: word(masking.map_or(0, |masking| masking.class_tokens))?,
            tokens_per_time: word(masking.map_or(1, |masking| masking.tokens_per_time))?,
            times: word(self.times())?,
            first_sequence: word(piece.sequences.start)?,
            first_token: word(piece.tokens.start)?,
            continued: u32::from(piece.tokens.start > 0),
            finished: u32::from(piece.tokens.end == self.pooled_tokens()),
            input_base: word(input_start as usize + skipped * self.width)?,
            output_base,
            start: if self.pooling == Pooling::Max { f32::NEG_INFINITY } else { 0.0 },
            padding_0: 0,
            padding_1: 0,
        };
        Ok(Launch {
            literals: self.literals(columns, masking.is_some()),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(groups, limits)?,
            windows: vec![Some(input), None, Some(output)],
        })
    }

    fn literals(&self, columns: u32, masked: bool) -> Literals {
        let kind = match self.pooling {
            Pooling::Mean => "mean",
            Pooling::Max => "max",
            // The first token is the sum of one.
            Pooling::Sum | Pooling::Token => "sum",
        };
        let literals = Literals::new().with("kind", kind).with("masked", masked).with("columns", columns);
        literals.with("partials", PARTIALS).with("slices", SLICES)
    }
}

/// `tokens` in runs that one launch may have.
fn slices(tokens: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    tokens.clone().step_by(LONGEST_RUN).map(move |start| start..tokens.end.min(start + LONGEST_RUN))
}

impl Kernel for Pool {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

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
        4 * (self.sequences * self.pooled_tokens() * self.width + validity) as u64
    }

    fn operations(&self) -> u64 {
        match self.pooling {
            Pooling::Token => 0,
            _ => (self.sequences * self.tokens * self.width) as u64,
        }
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        check_iterations((LONGEST_RUN.min(self.tokens) + self.times()) as u64, &device.limits)?;
        self.pieces(&device.limits)?.iter().map(|piece| self.launch(piece, variant, &device.limits)).collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::pool(self, inputs)
    }
}
