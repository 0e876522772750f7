//! What is to be measured: rows, and which of them are compared.

use std::fmt;

use super::Work;
use super::problem::Problem;
use crate::graph::Device;
use crate::kernels::Precision;
use crate::tensor::Result;

/// A row that is to be measured.
pub(super) struct Candidate {
    pub(super) work: Work,
    pub(super) precision: Precision,
    /// Operations of a pass, where they are known before.
    pub(super) operations: u64,
    /// Makes the work for a device, when it is its turn: the inputs of all rows would not fit the memory at once.
    pub(super) make: Maker,
}

/// Makes the work of a candidate; an error of usage, or one of what is unsupported, where there is no such work.
pub(super) type Maker = Box<dyn Fn(&Device) -> Result<Made>>;

/// The work of a candidate.
pub(super) struct Made {
    /// At the size that is timed.
    pub(super) full: Problem,
    /// At a size that the references can do; `None` where there is none.
    pub(super) reduced: Option<Reduced>,
}

/// The work of a candidate at a size that the references can do.
pub(super) struct Reduced {
    pub(super) problem: Problem,
    /// The same for the same problem: it is computed once.
    pub(super) key: String,
}

/// All rows of a run.
#[derive(Default)]
pub struct Schedule {
    /// The rows of each are compared: on each device they are measured in turn.
    pub(super) groups: Vec<Vec<Candidate>>,
}

impl Schedule {
    /// One without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// With rows that are compared with one another.
    pub(super) fn group(&mut self, candidates: Vec<Candidate>) {
        if !candidates.is_empty() {
            self.groups.push(candidates);
        }
    }

    /// The number of rows on each device.
    pub fn rows(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let works: Vec<Vec<_>> =
            self.groups.iter().map(|group| group.iter().map(|candidate| candidate.work.title()).collect()).collect();
        f.debug_struct("Schedule").field("groups", &works).finish()
    }
}
