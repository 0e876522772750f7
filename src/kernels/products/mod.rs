//! Products of rows with a weight, on one tile.

mod bound;
#[cfg(feature = "cpu")]
mod host;
mod linear;
mod tile;
mod tubelet_embed;

pub use linear::{Linear, OutputLayout};
pub use tubelet_embed::TubeletEmbed;
