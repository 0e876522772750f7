//! Attention within joint, spatial or temporal sequences, and what is computed from its probabilities.
//!
//! All of them share the layout of queries, keys and values ([`Qkv`]), who attends to whom ([`Part`], [`Sequences`],
//! [`Mask`]), and how calls are cut and tiled.

mod backward;
mod bound;
mod cut;
mod forward;
#[cfg(feature = "cpu")]
mod host;
mod mask;
mod matrices;
mod normaliser;
mod probabilities;
mod qkv;
mod random;
mod rollout;
mod sequences;
mod tile;

pub use backward::AttentionGradient;
pub use forward::Attention;
pub use mask::{EmptyRow, Mask};
pub use normaliser::AttentionNormaliser;
pub use probabilities::AttentionProbabilities;
pub use qkv::{Qkv, QkvLayout};
pub use rollout::AttentionRollout;
pub(crate) use rollout::ROLLOUT;
pub use sequences::{Part, Sequences};
