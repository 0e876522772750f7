//! Whether kernels and models are right on a device, and what shows it where they are not.
//!
//! [`Checks`] say what is checked: every case of every variant of every kernel that the device supports, against the
//! reference in f64; shapes drawn at random; the four models, layer by layer; the gradients of their weights. Whatever a
//! case does (an error, a panic, a device that is lost), the run goes on and says so. Of what fails the smallest failing
//! shape is looked for, and a folder is written that anybody can attach to a report on a driver: inputs, what was expected
//! and what came, the WGSL, the device, and a file by which [`Replay`] runs it again.

mod case;
mod checks;
mod evidence;
mod finding;
mod gradients;
mod kernels;
mod measurement;
mod models;
mod page;
mod replay;
mod report;
mod shrink;
mod soak;
mod subject;
mod tally;
mod ulps;

pub use checks::{Checks, Unwatched, Watch};
pub use finding::{CallFinding, CaseFinding, Counts, GradientFinding, ModelFinding, Verdict};
pub use gradients::model_gradients;
pub use measurement::{Measurement, WorstElement};
pub use models::{ModelCase, models};
pub use page::html;
pub use replay::Replay;
pub use report::DeviceFindings;
pub use subject::Subject;
pub use tally::{Tally, WorstOfCases};
pub use ulps::Ulps;
