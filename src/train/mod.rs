//! Training: how weights follow the gradients of a loss (spec §8).
//!
//! | part | what it does |
//! |---|---|
//! | [`Optimiser`] | records a step of every weight into a graph: clipping, momentum or moments, decay |
//! | [`accumulate`], [`accumulated`] | gradients over the parts of a batch, each clipped by itself as on a device of its own |
//! | [`WithState`] | weights with an optimiser's state beside them |
//! | [`RateSchedule`] | the learning rate of each step |

mod optimiser;
mod schedule;

pub use optimiser::{AdamW, Optimiser, Sgd, WithState, accumulate, accumulated, check_step, keep};
pub use schedule::RateSchedule;
