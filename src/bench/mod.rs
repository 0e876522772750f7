//! Measurements that can be trusted: the models of the paper side by side, attention alone, kernels, forward passes, steps
//! of training.
//!
//! [`measure`] runs a [`Schedule`] of rows on the devices of a [`Stage`] and gives a [`Benchmark`]: plain data with every
//! sample in it. What is timed is checked in the same run, and set against ceilings that are measured in the same run. How
//! samples are taken stands with [`measure`].
//!
//! Counts: a multiply-add is two operations and one multiply-accumulate, in products and in attention. The paper's
//! multiply-accumulates beside it are half of all operations, those element by element included. A step of training counts
//! what its graph computes: the products of the backward pass are twice those of the forward pass, but for the embedding,
//! whose clip has no gradient, and attention, which computes its scores again.

mod attention;
mod benchmark;
mod candidate;
mod ceilings;
mod clock;
mod comparison;
mod forward;
mod kernels;
mod machine;
mod matrices;
mod method;
mod problem;
pub mod publish;
mod run;
mod sampling;
mod sizing;
mod step;
mod tile_file;
mod tiles;
mod verification;

pub use benchmark::{
    AttentionWork, Benchmark, BenchmarkRow, Ceilings, Clock, Machine, MeasuredDevice, ModelWork, RowCost,
    RowMeasurement, RowMemory, RowOutcome, Samples, Settings, Shares, TimedCall, Verification, WarmUp, Work,
};
pub use candidate::Schedule;
pub use comparison::ComparedSizes;
pub use forward::ForwardWork;
pub use kernels::CaseRun;
pub use method::{BenchDevice, Method, Stage};
pub use run::measure;
pub use sizing::{Sizing, SizingWish, WorkRate, probe};
pub use tile_file::TileFile;
pub use tiles::{TimedProduct, TimedTile, TimedTiles, models_for_tiles};
pub use verification::Witness;
