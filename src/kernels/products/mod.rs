//! Products of rows with a weight, on one tile, and of columns with columns, which are the gradients of weights.

mod bound;
mod columns;
#[cfg(feature = "cpu")]
mod host;
mod linear;
mod linear_weight_gradient;
mod tile;
mod tubelet_embed;
mod tubelet_embed_weight_gradient;

pub use linear::{Linear, OutputLayout};
pub use linear_weight_gradient::LinearWeightGradient;
pub use tubelet_embed::TubeletEmbed;
pub use tubelet_embed_weight_gradient::TubeletEmbedWeightGradient;
