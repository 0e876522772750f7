//! The whole job: videos decoded in threads while the device computes, and a row written as each is finished.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use super::ahead::{decode_ahead, timed};
use super::{Item, Manifest, Metrics, Prediction, Results, Row, Run, Task, VideoOutcome};
use crate::tensor::{ErrorKind, LONGEST_TEXT, Result, printable};

/// What decodes a video, in any thread.
pub type Decode<Decoded> = Box<dyn Fn(&Item) -> Result<Decoded> + Send + Sync>;

/// How a video becomes logits.
///
/// Decoding runs in threads of its own, several videos at a time; computing on the caller's thread, one after the other
/// in the manifest's order.
#[non_exhaustive]
pub struct VideoPipeline<'a, Decoded> {
    /// Threads that decode. Each has at most one video ready and one in work.
    pub workers: usize,
    /// Decodes a video. An error of kind [`Interrupted`](ErrorKind::Interrupted) ends the run.
    pub decode: Decode<Decoded>,
    /// How long a video may take to decode. `decode` must itself keep to it; a thread that does not return soon after is
    /// left alone, and its video has failed.
    pub timeout: Option<Duration>,
    /// Computes a video's logits, the views averaged.
    pub compute: &'a mut dyn FnMut(Decoded) -> Result<Vec<f32>>,
}

impl<Decoded> std::fmt::Debug for VideoPipeline<'_, Decoded> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoPipeline")
            .field("workers", &self.workers)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<'a, Decoded> VideoPipeline<'a, Decoded> {
    /// `workers` threads decode; decoding may take as long as it does.
    pub fn new(
        workers: usize,
        decode: Decode<Decoded>,
        compute: &'a mut dyn FnMut(Decoded) -> Result<Vec<f32>>,
    ) -> Self {
        Self { workers, decode, timeout: None, compute }
    }

    /// A video may take this long to decode; `None` for as long as it takes.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }
}

/// An evaluation that may have begun earlier.
///
/// ```no_run
/// # fn shown(model: &tubelet::Vivit) -> tubelet::Result<()> {
/// use tubelet::eval::{ClassNames, Evaluation, Item, Manifest, Protocol, Run, Shard, Task, VideoPipeline};
/// use tubelet::video::{Clip, OpenOptions};
/// use tubelet::{Pass, Views};
///
/// let task = Task::of(model.config())?;
/// let manifest = Manifest::read("val.csv", None, None, &task, &ClassNames::none(&task))?;
/// let views: Views = "4x3".parse()?;
/// let protocol = Protocol::new(views);
/// let run = Run::new(model, &protocol, &manifest, Shard::WHOLE)?;
/// let mut evaluation = Evaluation::open(&manifest, run, "results.csv", true)?;
///
/// let sampling = views.sampling(model.config().frames, protocol.stride);
/// let decode = move |item: &Item| item.open(&OpenOptions::new())?.clips(&sampling);
/// let pass = Pass::new().views(views);
/// let mut compute = |clips: Vec<Clip>| {
///     protocol.average.of(&model.view_logits(pass.over(&clips))?, &model.config().labelling)
/// };
/// let pipeline = VideoPipeline::new(4, Box::new(decode), &mut compute);
/// evaluation.finish(pipeline, &mut |_, row| {
///     println!("{} took {} s", row.path, row.seconds);
///     Ok(())
/// })?;
/// for figure in evaluation.metrics().summary().figures {
///     println!("{}: {:?}", figure.name, figure.value);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Evaluation<'a> {
    manifest: &'a Manifest,
    task: Task,
    /// Names of all classes, where they are known.
    names: Option<Vec<String>>,
    results: Results,
    metrics: Metrics,
    remaining: VecDeque<usize>,
    /// Videos that failed, of the rows that were there.
    failed: Vec<usize>,
}

impl<'a> Evaluation<'a> {
    /// Begins the results of `run` at `output`, or goes on with them where `resume` is set: see [`Results::open`].
    pub fn open(manifest: &'a Manifest, run: Run, output: impl AsRef<Path>, resume: bool) -> Result<Self> {
        let shard = run.shard;
        let (results, rows) = Results::open(output, run, resume)?;
        let task = results.run().task.clone();
        let metrics = Metrics::of(&task, &rows)?;
        let done: BTreeSet<usize> = rows.iter().map(|row| row.row).collect();
        let failed =
            rows.iter().filter(|row| matches!(row.outcome, VideoOutcome::Failed(_))).map(|row| row.row).collect();
        let remaining = shard.rows(manifest.items().len()).filter(|row| !done.contains(row)).collect();
        let names = manifest.names().all();
        Ok(Self { manifest, task, names, results, metrics, remaining, failed })
    }

    /// Puts the videos that earlier runs could not read among those that remain. Their rows stand until new ones are
    /// written, which replace them.
    pub fn retry_failed(&mut self) {
        let remaining: BTreeSet<usize> = self.remaining.drain(..).chain(self.failed.drain(..)).collect();
        self.remaining = remaining.into_iter().collect();
        self.metrics.forget_failed();
    }

    /// The figures of all rows so far, those of earlier runs among them.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Videos that are not evaluated yet.
    pub fn remaining(&self) -> usize {
        self.remaining.len()
    }

    /// Evaluates all remaining videos. A video that cannot be read is recorded as failed; an error of the model, of the
    /// device or of writing ends the run, and what was finished before stands. `finished` is called with each row when it
    /// is written, and ends the run by an error.
    pub fn finish<Decoded: Send + 'static>(
        &mut self,
        pipeline: VideoPipeline<'_, Decoded>,
        finished: &mut dyn FnMut(&Metrics, &Row) -> Result<()>,
    ) -> Result<()> {
        let VideoPipeline { workers, decode, timeout, compute } = pipeline;
        let items = self.manifest.items();
        let remaining = self.remaining.iter().map(|&row| (row, items[row].clone())).collect();
        let decode = move |(_, item): &(usize, Item)| decode(item);
        decode_ahead(remaining, workers, timeout, decode, |(row, _), decoded, decoding| {
            let ((logits, of_video), computing) = timed(|| match decoded {
                Ok(decoded) => (compute(decoded), UNSUITABLE),
                Err(error) => (Err(error), UNREADABLE),
            });
            let row = self.row(*row, logits, of_video, decoding + computing)?;
            self.results.append(&row)?;
            self.remaining.pop_front();
            self.metrics.add(&row)?;
            finished(&self.metrics, &row)
        })
    }

    /// The row of a video; an error unless what went wrong is of a kind in `of_video`, those that are the video's own fault.
    fn row(&self, row: usize, logits: Result<Vec<f32>>, of_video: &[ErrorKind], seconds: Duration) -> Result<Row> {
        let item = &self.manifest.items()[row];
        let outcome = match logits {
            Ok(logits) => {
                let prediction = Prediction::new(&self.task, logits, self.names.as_deref());
                VideoOutcome::Done(prediction.map_err(|error| error.within(&item.name))?)
            }
            Err(error) if of_video.contains(&error.kind()) => {
                VideoOutcome::Failed(printable(&error.to_string(), LONGEST_TEXT))
            }
            Err(error) => return Err(error.within(&item.name)),
        };
        Ok(Row { row, path: item.name.clone(), labels: item.labels.clone(), seconds: seconds.as_secs_f64(), outcome })
    }
}

/// Errors of decoding that concern one video. Others end the run, such as that of an ffmpeg program that is not installed.
/// A video may claim to be larger than any memory.
#[doc(hidden)]
pub const UNREADABLE: &[ErrorKind] = &[ErrorKind::File, ErrorKind::Usage, ErrorKind::Io, ErrorKind::OutOfMemory];
/// Errors of computing that concern one video, which does not suit the model. Files that cannot be read are then the
/// model's.
#[doc(hidden)]
pub const UNSUITABLE: &[ErrorKind] = &[ErrorKind::Usage];
