//! Everything that a run leaves to look at, kept up to date.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::events::EventFile;
use super::log::RunLog;
use super::page;
use super::record::{Entry, EvaluationRecord, RunEnding, RunHeader, RunRecord, StepRecord};
use super::words;
use crate::files::write_whole;
use crate::report::amounts::{grouped, three_digits};
use crate::tensor::Result;

/// Writes `steps.jsonl`, an event file for TensorBoard and `training.html` into a folder while a run goes on.
///
/// ```no_run
/// use tubelet::train::report::{RunEnding, RunHeader, RunReport, StepRecord};
///
/// let header = RunHeader::new("a model", "a device", "epochs = 1").length(2, 1).seed(7);
/// let mut report = RunReport::begin("output", header)?;
/// for step in 1..=2 {
///     report.step(StepRecord::new(step, 1, 0.69, 1e-4).seconds(8, 0.01, 0.2))?;
/// }
/// report.end(RunEnding::done(2))?;
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Debug)]
pub struct RunReport {
    folder: PathBuf,
    log: RunLog,
    events: EventFile,
    record: RunRecord,
    /// When the page was last written, and how long that took.
    written: Option<(Instant, Duration)>,
}

/// The names of the record and of the page.
const LOG: &str = "steps.jsonl";
const PAGE: &str = "training.html";

/// The page is written again after so much time, and after so many times what writing it takes.
const PAGE_AFTER: Duration = Duration::from_secs(15);
const PAGE_SHARE: u32 = 50;

impl RunReport {
    /// Begins the files of a run in `folder`, which is there.
    ///
    /// # Errors
    ///
    /// A folder that has a record already, and files that cannot be written.
    pub fn begin(folder: impl AsRef<Path>, header: RunHeader) -> Result<Self> {
        let folder = folder.as_ref();
        let log = RunLog::begin(&folder.join(LOG), &header)?;
        Self::with(folder, log, RunRecord::new(header))
    }

    /// Goes on with the files of a run that resumes from its checkpoint of step `after`; what they hold of later steps is
    /// cut off, or outdated for TensorBoard. Files that are missing are begun.
    ///
    /// # Errors
    ///
    /// A record that is damaged, that another process is writing, or of a run with other classes; files that cannot be
    /// written.
    pub fn resume(folder: impl AsRef<Path>, header: RunHeader, after: u64) -> Result<Self> {
        let (folder, header) = (folder.as_ref(), RunHeader { resumed_after: after, ..header });
        let (log, record) = RunLog::resume(&folder.join(LOG), &header)?;
        Self::with(folder, log, record)
    }

    fn with(folder: &Path, log: RunLog, record: RunRecord) -> Result<Self> {
        let events = EventFile::create(folder, record.header())?;
        let mut report = Self { folder: folder.to_owned(), log, events, record, written: None };
        report.write_page()?;
        Ok(report)
    }

    /// Adds a step. The page follows every quarter of a minute.
    ///
    /// # Errors
    ///
    /// A step that does not follow the last one, and files that cannot be written.
    pub fn step(&mut self, step: StepRecord) -> Result<()> {
        self.add(Entry::Step(step))?;
        let due = |(last, took): (Instant, Duration)| last.elapsed() >= PAGE_AFTER.max(PAGE_SHARE * took);
        if self.written.is_none_or(due) { self.write_page() } else { Ok(()) }
    }

    /// Adds an evaluation, and writes the page.
    ///
    /// # Errors
    ///
    /// An evaluation of other heads or classes than the run has, and files that cannot be written.
    pub fn evaluation(&mut self, evaluation: EvaluationRecord) -> Result<()> {
        self.add(Entry::Evaluation(evaluation))?;
        self.write_page()
    }

    /// Says how the run ended, and writes the page for the last time.
    pub fn end(&mut self, ending: RunEnding) -> Result<()> {
        self.add(Entry::End(ending))?;
        self.write_page()
    }

    /// What is known so far.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    fn add(&mut self, entry: Entry) -> Result<()> {
        self.record.add(entry.clone())?;
        self.log.append(&entry)?;
        self.events.append(&entry, self.record.header())
    }

    fn write_page(&mut self) -> Result<()> {
        let begun = Instant::now();
        let page = page::html(&self.record)?;
        write_whole(self.folder.join(PAGE), |file| file.write_all(page.as_bytes()))?;
        self.written = Some((Instant::now(), begun.elapsed()));
        Ok(())
    }
}

impl RunRecord {
    /// Writes the page of this run, as far as it is known, into `path`.
    pub fn write_page(&self, path: impl AsRef<Path>) -> Result<()> {
        let page = page::html(self)?;
        write_whole(path, |file| file.write_all(page.as_bytes()))
    }

    /// The last step in a few words, for a terminal: `epoch 3 of 30  loss 1.23  accuracy 45.0 %  rate 1.00e-4
    /// 12.3 clips/s`. Empty before the first step.
    pub fn headline(&self) -> String {
        let Some(step) = self.steps().last() else { return String::new() };
        let mut parts = vec![
            format!("epoch {} of {}", grouped(step.epoch), grouped(self.header().epochs)),
            format!("loss {}", words::number(step.loss)),
        ];
        parts.extend(step.accuracy.map(|accuracy| format!("accuracy {}", words::share(accuracy.into()))));
        parts.push(format!("rate {}", words::rate(step.rate)));
        parts.push(format!("{} clips/s", three_digits(step.clips_per_second)));
        parts.join("  ")
    }

    /// How far the run is, in a line for a log: `step 120 of 3,000, 12 min 5 s left; epoch 3 of 30 …`.
    pub fn progress(&self) -> String {
        let (last, steps) = (grouped(self.last_step()), grouped(self.header().steps));
        let left = self.seconds_left().map(|seconds| format!(", {} left", words::duration(seconds)));
        format!("step {last} of {steps}{}; {}", left.unwrap_or_default(), self.headline())
    }
}
