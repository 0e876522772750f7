//! What a training leaves to look at, written while it runs.
//!
//! | what | file |
//! |---|---|
//! | the record: an object a line for the run, each step, each evaluation and the end | `steps.jsonl` |
//! | the same for TensorBoard | `events.out.tfevents.…` |
//! | curves, evaluations, confusion matrices, the recipe: one page that loads nothing from elsewhere | `training.html` |
//!
//! [`RunReport`] writes all three into a folder. A process that is killed leaves whole lines; a run that resumes from a
//! checkpoint cuts off what lies after it and goes on. [`RunRecord::read`] reads the record back.
//!
//! `docs/training.md` lists the keys of the record.
//!
//! Steps and epochs are counted from 1: step 10 is what the tenth update of the weights was made from.

mod builders;
mod curve;
mod events;
mod figures;
mod log;
mod matrices;
mod number;
mod page;
mod plot;
mod record;
mod run;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod words;

pub use record::{
    EvaluationRecord, HeadEvaluation, RunEnding, RunHeader, RunRecord, RunState, StepRecord, TrainedHead,
};
pub use run::RunReport;
