//! Multiply-accumulates of a block's parts (spec §3.3), for `rows` tokens of `width`.

/// Query, key, value and output projections.
pub(super) fn projections(rows: usize, width: usize) -> u64 {
    4 * product([rows, width, width])
}

/// Scores and weighted sums where every token sees `keys` others.
pub(super) fn attention(rows: usize, keys: usize, width: usize) -> u64 {
    2 * product([rows, keys, width])
}

/// Both layers of an MLP.
pub(super) fn mlp(rows: usize, width: usize, hidden: usize) -> u64 {
    2 * product([rows, width, hidden])
}

/// Sizes multiplied: a valid configuration's work fits 64 bits.
pub(super) fn product<const N: usize>(sizes: [usize; N]) -> u64 {
    sizes.into_iter().map(|size| size as u64).product()
}
