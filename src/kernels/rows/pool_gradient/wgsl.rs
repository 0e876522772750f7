//! The gradient of pooling in WGSL.

use super::PoolGradient;
use crate::kernels::rows::pool::Pooling;
use crate::kernels::rows::pool::wgsl::{Piece, Tokens};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl};

/// Columns of a workgroup, one an invocation.
pub(super) const COLUMNS: u32 = 64;
/// Tokens of an invocation: what it divides by is found once for all of them.
pub(super) const TOKENS: u32 = 16;
/// Index of the ties among the bindings.
const TIES: usize = 5;

crate::uniform! {
    pub(super) struct Uniform {
        ..of: Tokens,
        continued: u32,
        tokens_base: u32,
        sequences_base: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<PoolGradient>; 1] =
    [Planned::any(wgsl!("rows/pool_gradient.wgsl"), Needs::invocations(COLUMNS), plan)];

/// For a maximum its ties are counted first.
fn plan(call: &PoolGradient, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let pool = &call.pool;
    dispatches.check_iterations(pool.iterations() + u64::from(TOKENS))?;
    let pieces = pool.pieces(pool.tokens, dispatches)?;
    let is_maximum = pool.pooling == Pooling::Max;
    if is_maximum {
        dispatches.scratch(TIES, pool.sequences * pool.width);
    }
    for piece in pieces.iter().filter(|_| is_maximum) {
        call.launch(piece, true, dispatches)?;
    }
    pieces.iter().try_for_each(|piece| call.launch(piece, false, dispatches))
}

impl PoolGradient {
    /// What a piece's tokens have, or how many of them are the maximum.
    fn launch(&self, piece: &Piece, counting: bool, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
        let pool = &self.pool;
        let [(of_tokens, tokens_base), (of_sequences, sequences_base)] = pool.windows(piece, dispatches)?;
        let uniform = Uniform {
            of: pool.of_piece(piece)?,
            continued: u32::from(piece.tokens.start > 0),
            tokens_base,
            sequences_base,
        };
        let kind = match pool.pooling {
            Pooling::Token => "token",
            Pooling::Mean => "mean",
            Pooling::Max => "max",
            Pooling::Sum => "sum",
        };
        let literals = Literals::new().with("kind", kind).with("masked", pool.masks().is_some());
        let literals = literals.with("counting", counting).with("columns", COLUMNS).with("tokens", TOKENS);
        let runs = if counting { 1 } else { piece.tokens.len().div_ceil(TOKENS as usize) };
        let groups = pool.width.div_ceil(COLUMNS as usize) * runs * piece.sequences.len();
        let of_maximum = |window: &std::ops::Range<u64>| (pool.pooling == Pooling::Max).then(|| window.clone());
        let windows = vec![
            of_maximum(&of_tokens),
            None,
            of_maximum(&of_sequences),
            Some(of_sequences.clone()),
            Some(of_tokens.clone()),
            of_maximum(&of_sequences),
        ];
        dispatches.launch(groups as u64, literals, &uniform, windows)
    }
}
