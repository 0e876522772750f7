//! Initialisation from trained image models.

mod inflation;
mod positions;
mod scratch;

pub use inflation::{Inflation, inflate};
pub use positions::PositionTable;
pub use scratch::from_scratch;

use super::Grid;

/// A grid of tokens for people: `16 temporal indices of 14×14`.
fn described(grid: Grid) -> String {
    let Grid { temporal, rows, columns } = grid;
    format!("{temporal} temporal {} of {rows}×{columns}", if temporal == 1 { "index" } else { "indices" })
}
