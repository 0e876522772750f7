//! Evaluation over data sets: a manifest of labelled videos in, a row of results a video out, and figures from the rows.
//!
//! | part | what it does |
//! |---|---|
//! | [`Manifest`] | which videos, and what they show: plain tables, and the annotations of Kinetics, Something-Something v2, EPIC-KITCHENS-100 |
//! | [`ClassNames`] | class names in files, for manifests that write names instead of numbers |
//! | [`Task`], [`Prediction`] | what a model's logits mean, and what they say of one video |
//! | [`Metrics`] | top-1 and top-5 of each head and of their joint distribution, mean class recall, mean average precision |
//! | [`Results`], [`Run`] | the file of results: a row as each video is finished, and what identifies the run |
//! | [`Shard`], [`merge`] | a data set in parts, and the parts put together again |
//! | [`Evaluation`] | the whole job: decoding in threads beside computing, and going on after an interruption |
//!
//! Figures are computed from rows alone, so those of a run, of a resumed one, of its file and of its merged shards are
//! the same numbers.
//!
//! No class names of data sets come with the crate: [`ClassNames::read`] takes those that the data sets publish.

mod ahead;
mod identity;
mod job;
mod journal;
mod manifest;
mod merging;
mod metrics;
mod names;
mod precision;
mod prediction;
mod results;
mod rows;
mod shard;
mod task;
mod text;

pub use ahead::{Ahead, Ticket, decode_ahead};
pub(crate) use identity::Hash;
pub use identity::{Protocol, Run, fingerprint};
pub use job::{Decode, Evaluation, UNREADABLE, UNSUITABLE, VideoPipeline};
pub use journal::{Identity, Journal};
pub use manifest::{Excerpt, FoundClasses, Item, Manifest, ManifestFormat};
pub use merging::{merge, write_merged};
pub use metrics::{Figure, Metrics, Summary};
pub use names::ClassNames;
use precision::AveragePrecision;
use prediction::TOP;
pub use prediction::{Prediction, Top};
pub use results::{Results, read_results};
use rows::Encoding;
pub use rows::{Row, VideoOutcome};
pub use shard::Shard;
pub use task::Task;

#[cfg(test)]
mod tests;
