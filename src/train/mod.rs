//! Training, and what a run of it leaves to look at.

#[cfg(feature = "report")]
pub mod report;
