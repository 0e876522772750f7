//! Training: the loss of a model on labelled clips, how it grows with each weight, and how weights follow that (spec §8).
//!
//! | part | what it does |
//! |---|---|
//! | [`gradients`] | the loss of a model on a batch of clips, and its gradients by the names of a checkpoint |
//! | [`Optimiser`] | records a step of every weight into a graph: clipping, momentum or moments, decay |
//! | [`accumulate`], [`accumulated`] | gradients over the parts of a batch, each clipped by itself as on a device of its own |
//! | [`WithState`] | weights with an optimiser's state beside them |
//! | [`RateSchedule`] | the learning rate of each step |
//! | `report` | what a run leaves to look at; part of the feature `report` |

mod gradients;
mod labels;
mod optimiser;
#[cfg(feature = "report")]
pub mod report;
mod schedule;

pub use gradients::{GradientOptions, Gradients, gradients, norm};
pub use labels::Labels;
pub use optimiser::{AdamW, Optimiser, Sgd, WithState, accumulate, accumulated, check_step, keep};
pub use schedule::RateSchedule;
