//! Pooling in WGSL.

use std::ops::Range;

use super::{Masking, Pool, Pooling};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Columns of a workgroup in the `plain` variant, an invocation each.
pub(super) const COLUMNS: u32 = 64;
/// Partial results of an invocation in the `plain` variant.
const PARTIALS: u32 = 16;
/// Columns of a workgroup in the `workgroup` variant.
const SHARED_COLUMNS: u32 = 16;
/// Invocations that share a column in the `workgroup` variant.
const SLICES: u32 = 16;
/// Tokens of a sequence in one launch: a partial result is then a sum of 128, whose rounding stays near 1e-6 even where
/// all are equal and each addition errs to the same side.
const LONGEST_RUN: usize = 2048;

/// A launch's share of the work. Where a whole sequence fits a binding it may hold several sequences.
pub(in crate::kernels::rows) struct Piece {
    pub(in crate::kernels::rows) sequences: Range<usize>,
    pub(in crate::kernels::rows) tokens: Range<usize>,
    /// The tokens bound, counted over all sequences.
    bound: Range<usize>,
}

crate::uniform! {
    /// The tokens of a piece and which of them count: `shaders/rows/pool_fields.wgsl`.
    pub(in crate::kernels::rows) struct Tokens {
        sequences: u32,
        tokens: u32,
        width: u32,
        sequence_tokens: u32,
        class_tokens: u32,
        tokens_per_time: u32,
        times: u32,
        first_sequence: u32,
        first_token: u32,
    }
}

crate::uniform! {
    pub(super) struct Uniform {
        ..of: Tokens,
        continued: u32,
        finished: u32,
        input_base: u32,
        output_base: u32,
        start: f32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Pool>; 2] = [
    Planned::gpu(
        wgsl!("rows/pool.workgroup.wgsl"),
        Needs::invocations(SHARED_COLUMNS * SLICES).workgroup_floats(SHARED_COLUMNS * SLICES),
        |call, to| plan(call, to, SHARED_COLUMNS),
    ),
    Planned::any(wgsl!("rows/pool.wgsl"), Needs::invocations(COLUMNS), |call, to| plan(call, to, COLUMNS)),
];

fn plan(call: &Pool, dispatches: &mut Dispatches<'_>, group_columns: u32) -> Result<(), Unfit> {
    dispatches.check_iterations(call.iterations())?;
    for piece in call.pieces(call.pooled_tokens(), dispatches)? {
        call.launch(&piece, group_columns, dispatches)?;
    }
    Ok(())
}

/// `tokens` in runs that one launch may have.
fn slices(tokens: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    tokens.clone().step_by(LONGEST_RUN).map(move |start| start..tokens.end.min(start + LONGEST_RUN))
}

impl Pool {
    /// Loop iterations of an invocation that goes through the tokens of a piece and through all temporal indices.
    pub(in crate::kernels::rows) fn iterations(&self) -> u64 {
        (LONGEST_RUN.min(self.tokens) + self.times()) as u64
    }

    /// The first `pooled` tokens of every sequence.
    pub(in crate::kernels::rows) fn pieces(
        &self,
        pooled: usize,
        dispatches: &Dispatches<'_>,
    ) -> Result<Vec<Piece>, Unfit> {
        let tokens = self.tokens;
        let mut pieces = Vec::new();
        if dispatches.fits_anywhere(tokens * self.width) {
            for sequences in dispatches.runs_anywhere(self.sequences, &[tokens * self.width])? {
                let bound = sequences.start * tokens..sequences.end * tokens;
                for tokens in slices(0..pooled) {
                    pieces.push(Piece { sequences: sequences.clone(), tokens, bound: bound.clone() });
                }
            }
        } else {
            let runs = dispatches.runs_anywhere(pooled, &[self.width])?;
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

    /// The bytes bound of a tensor `[B, N, C]` and the index there of the first element of a piece; the same of one of
    /// `[B, C]`.
    pub(in crate::kernels::rows) fn windows(
        &self,
        piece: &Piece,
        dispatches: &Dispatches<'_>,
    ) -> Result<[(Range<u64>, u32); 2], Unfit> {
        let window = |rows: &Range<usize>| dispatches.window(&(rows.start * self.width..rows.end * self.width));
        let (of_tokens, start) = window(&piece.bound);
        let skipped = piece.sequences.start * self.tokens + piece.tokens.start - piece.bound.start;
        Ok([(of_tokens, word(start as usize + skipped * self.width)?), window(&piece.sequences)])
    }

    /// Set where tokens may not count.
    pub(in crate::kernels::rows) fn masks(&self) -> Option<Masking> {
        self.masking.filter(|_| self.pooling != Pooling::Token)
    }

    /// What kernels are told of the tokens of a piece.
    pub(in crate::kernels::rows) fn of_piece(&self, piece: &Piece) -> Result<Tokens, Unfit> {
        let masking = self.masks();
        Ok(Tokens {
            sequences: word(piece.sequences.len())?,
            tokens: word(piece.tokens.len())?,
            width: word(self.width)?,
            sequence_tokens: word(self.tokens)?,
            class_tokens: word(masking.map_or(0, |masking| masking.class_tokens))?,
            tokens_per_time: word(masking.map_or(1, |masking| masking.tokens_per_time))?,
            times: word(self.times())?,
            first_sequence: word(piece.sequences.start)?,
            first_token: word(piece.tokens.start)?,
        })
    }

    fn launch(&self, piece: &Piece, columns: u32, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
        let [(input, input_base), (output, output_base)] = self.windows(piece, dispatches)?;
        let groups = (self.width as u64).div_ceil(u64::from(columns)) * piece.sequences.len() as u64;
        let uniform = Uniform {
            of: self.of_piece(piece)?,
            continued: u32::from(piece.tokens.start > 0),
            finished: u32::from(piece.tokens.end == self.pooled_tokens()),
            input_base,
            output_base,
            start: if self.pooling == Pooling::Max { f32::NEG_INFINITY } else { 0.0 },
        };
        let literals = self.literals(columns);
        dispatches.launch(groups, literals, &uniform, vec![Some(input), None, Some(output)])
    }

    fn literals(&self, columns: u32) -> Literals {
        let kind = match self.pooling {
            Pooling::Mean => "mean",
            Pooling::Max => "max",
            // The first token is the sum of one.
            Pooling::Sum | Pooling::Token => "sum",
        };
        let literals =
            Literals::new().with("kind", kind).with("masked", self.masks().is_some()).with("columns", columns);
        literals.with("partials", PARTIALS).with("slices", SLICES)
    }
}
