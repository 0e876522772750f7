//! Batches without end, the same whatever the number of threads.

mod batch;
mod job;
mod options;
mod order;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ClipSource;
use crate::eval::{Ahead, Hash, Task, Ticket, UNREADABLE};
use crate::tensor::{Error, ErrorKind, LONGEST_TEXT, Result, Tensor, printable};
use crate::video::augment::Draws;
use batch::Members;
use job::{Job, Preparation};
use order::{Orders, Slot};

pub use batch::{Batch, MicroBatch};
pub use options::LoaderOptions;

/// Where a training is among its batches. Written down, it says where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Position {
    /// How often all clips were shown.
    pub epoch: u64,
    /// Batches of this epoch that were taken already.
    pub batch: u64,
    /// A hash of the names and labels of all clips: with others, the same position means something else.
    pub clips: String,
}

/// Batches of augmented clips, epoch after epoch, each in an order of its own. Clips are decoded and augmented in threads,
/// ahead of whoever takes them.
///
/// Every number that is drawn depends on the seed, the epoch, the clip's place in it and what it is for, and on nothing else:
/// any number of threads gives the same bytes, and so does a training that went on where it was interrupted.
///
/// A clip that cannot be read fails the batch, or, where [`LoaderOptions::most_failed`] allows some, the next one in the
/// epoch's order that can be read is shown twice.
///
/// ```
/// use std::sync::Arc;
/// use tubelet::eval::Task;
/// use tubelet::train::{HeldClips, Loader, LoaderOptions};
/// use tubelet::video::{Clip, augment::Augmentation};
/// use tubelet::vivit::Labelling;
///
/// let clip = |byte| Clip::from_rgb(&vec![byte; 8 * 40 * 40 * 3], [40, 40]);
/// let clips = HeldClips::new([(clip(20)?, vec![0]), (clip(120)?, vec![1]), (clip(220)?, vec![2])]);
/// let augmentation = Augmentation::default().frames(4).stride(1).short_edge(36).crop([32, 32]);
/// let options = LoaderOptions::new(augmentation).batch(2);
/// let mut loader = Loader::new(Arc::new(clips), &Task::new(Labelling::Single, 3)?, options)?;
///
/// let batch = loader.next_batch()?;
/// assert_eq!(batch.clips.shape().axes(), [2, 4, 32, 32, 3]);
/// assert_eq!(batch.targets.shape().axes(), [2, 3]);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Debug)]
pub struct Loader {
    source: Arc<dyn ClipSource>,
    task: Task,
    options: LoaderOptions,
    position: Position,
    orders: Orders,
    ahead: Ahead<Job, Tensor>,
    /// Clips that are being prepared, in the order in which they are wanted.
    in_work: VecDeque<(Slot, usize, Ticket)>,
    /// The first that is not.
    next: Slot,
    failed: BTreeMap<usize, String>,
}

impl Loader {
    /// The clips of `source`, labelled for `task`, from the first batch of the first epoch on.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) for options that cannot be, for labels that the task has not, and for too few clips for a
    /// batch where incomplete ones are dropped.
    pub fn new(source: Arc<dyn ClipSource>, task: &Task, options: LoaderOptions) -> Result<Self> {
        options.validate()?;
        let position = Position { epoch: 0, batch: 0, clips: checked(&*source, task)? };
        let orders = Orders::new(options.seed, source.count(), options.batch, options.remainder);
        if orders.batches() == 0 {
            return Err(Error::usage(format!(
                "{} clips are too few for a batch of {}; take smaller batches, or keep incomplete ones",
                source.count(),
                options.batch
            )));
        }
        let ahead = options.start(&source)?;
        let (in_work, next) = (VecDeque::new(), Slot::default());
        Ok(Self {
            source,
            task: task.clone(),
            options,
            position,
            orders,
            ahead,
            in_work,
            next,
            failed: BTreeMap::new(),
        })
    }

    /// Where the next batch is. To go on there later, [`resume`](Self::resume).
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> u64 {
        self.orders.batches()
    }

    /// Batches before the next one, of all epochs: the number of the step that it is for.
    pub fn step(&self) -> u64 {
        self.position.epoch.saturating_mul(self.batches()).saturating_add(self.position.batch)
    }

    /// The names of clips that could not be read so far, with the reasons.
    pub fn failed(&self) -> impl ExactSizeIterator<Item = (String, &str)> {
        self.failed.iter().map(|(index, reason)| (self.source.name(*index), reason.as_str()))
    }

    /// Goes on at a position of this loader, or of another with the same clips and options: what comes is the same to the bit.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) for a position among other clips, or beyond the batches of an epoch.
    pub fn resume(&mut self, position: &Position) -> Result<()> {
        if position.clips != self.position.clips {
            return Err(Error::usage(
                "the training was interrupted among other clips: names or labels have changed since; go on with the same \
                 ones, or begin a new training",
            ));
        }
        if position.batch >= self.batches() {
            return Err(Error::usage(format!(
                "there is no batch {} in an epoch of {}, counted from 0; go on with the batch size that the training had",
                position.batch,
                self.batches()
            )));
        }
        self.position = position.clone();
        self.restart()
    }

    /// Forgets what is being prepared, and begins anew at the position.
    fn restart(&mut self) -> Result<()> {
        self.ahead = self.options.start(&self.source)?;
        self.in_work.clear();
        self.next = self.orders.first_of(self.position.epoch, self.position.batch);
        self.orders.forget_before(self.position.epoch);
        Ok(())
    }

    /// The next batch; waits for clips that are not ready.
    ///
    /// # Errors
    ///
    /// A clip that cannot be read, with its name, where no more may fail. The position stays: asked again, the loader tries
    /// the same batch again.
    pub fn next_batch(&mut self) -> Result<Batch> {
        let batch = self.take_batch();
        match &batch {
            Ok(_) => self.advance(),
            Err(_) => self.restart()?,
        }
        batch
    }

    fn advance(&mut self) {
        self.position.batch += 1;
        if self.position.batch == self.batches() {
            self.position.epoch += 1;
            self.position.batch = 0;
            self.orders.forget_before(self.position.epoch);
        }
    }

    fn take_batch(&mut self) -> Result<Batch> {
        let Position { epoch, batch, .. } = self.position;
        let count = self.orders.clips_in(batch);
        self.fill();
        let mut members = Members::default();
        for _ in 0..count {
            let Some((slot, index, ticket)) = self.in_work.pop_front() else { break };
            let (index, clip) = self.take(slot, index, ticket)?;
            self.fill();
            members.push(index, self.source.labels(index), clip);
        }
        let draws = Draws::new(self.options.seed, epoch);
        members.into_batch(&self.task, &self.options, &draws, batch, batch + 1 == self.batches())
    }

    /// Hands out clips until enough are in work.
    fn fill(&mut self) {
        while self.in_work.len() < self.options.in_work() {
            let slot = self.next;
            // Where none can be read, the first one's failure says so.
            let index = self.orders.readable(slot, &self.failed).unwrap_or_else(|| self.orders.index(slot));
            let ticket = self.ahead.push(Job::new(self.options.seed, slot, index));
            self.in_work.push_back((slot, index, ticket));
            self.next = self.orders.after(slot);
        }
    }

    /// The clip at a place of an epoch, and its number in the source; of one that cannot be read, the next that can.
    fn take(&mut self, slot: Slot, index: usize, ticket: Ticket) -> Result<(usize, Tensor)> {
        let (mut index, mut ticket) = (index, ticket);
        loop {
            let error = match self.ahead.take(ticket)?.0 {
                Ok(clip) => return Ok((index, clip)),
                Err(error) => error,
            };
            self.record(index, &error)?;
            index = self.orders.readable(slot, &self.failed).ok_or_else(|| {
                Error::file(format!("none of the {} clips can be read; the last: {error}", self.source.count()))
            })?;
            ticket = self.ahead.push(Job::new(self.options.seed, slot, index));
        }
    }

    /// Counts a clip that cannot be read; an error where it is one too many, or where it is not the clip's fault.
    fn record(&mut self, index: usize, error: &Error) -> Result<()> {
        let name = self.source.name(index);
        if !UNREADABLE.contains(&error.kind()) {
            return Err(error.clone().within(name));
        }
        self.failed.insert(index, printable(&error.to_string(), LONGEST_TEXT));
        let (count, most) = (self.failed.len(), self.options.most_failed);
        if count <= most {
            return Ok(());
        }
        let advice = match most {
            0 => "repair or remove it, or allow some clips to fail (`most_failed`)".to_owned(),
            _ => format!("it is number {count}, more than the {most} that may fail (`most_failed`)"),
        };
        // It may be repaired before the batch is asked for again.
        self.failed.remove(&index);
        Err(Error::new(ErrorKind::File, format!("{name} cannot be read ({error}); {advice}")))
    }
}

/// A hash of the names and labels of all clips; an error for labels that the task has not.
fn checked(source: &dyn ClipSource, task: &Task) -> Result<String> {
    let mut hash = Hash::new();
    for index in 0..source.count() {
        let (name, labels) = (source.name(index), source.labels(index));
        task.check_labels(&labels).map_err(|error| error.within(&name))?;
        hash.add(name.as_bytes());
        labels.iter().for_each(|label| hash.add(&(*label as u64).to_le_bytes()));
    }
    Ok(hash.to_string())
}

impl LoaderOptions {
    /// Threads that prepare clips of `source`.
    fn start(&self, source: &Arc<dyn ClipSource>) -> Result<Ahead<Job, Tensor>> {
        let preparation = Preparation {
            source: Arc::clone(source),
            augmentation: self.augmentation.clone(),
            clip_start: self.clip_start,
            layout: self.layout,
        };
        Ahead::start(self.workers, self.timeout, move |job| preparation.clip(job))
    }
}
