//! Clips that wait, and the task that computes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tubelet::video::Clip;
use tubelet::{Classes, Error, ErrorKind, Result, Vivit};

/// A clip that waits to be computed.
pub(crate) struct Job {
    clip: Clip,
    since: Instant,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Computed>>;

/// What came of a clip.
pub(crate) struct Computed {
    pub(crate) classes: Classes,
    /// Until its pass began.
    pub(crate) waited: Duration,
    /// The whole pass, whoever else was in it.
    pub(crate) computing: Duration,
}

impl Job {
    /// For `clip`, and where its classes will come. When the receiver is dropped, the clip need not be computed.
    pub(crate) fn new(clip: Clip) -> (Self, oneshot::Receiver<Result<Computed>>) {
        let (reply, computed) = oneshot::channel();
        (Self { clip, since: Instant::now(), reply }, computed)
    }
}

/// The task that computes.
pub(crate) struct Computing {
    /// Ends when nobody can send any more, or with an error when the device is lost.
    pub(crate) task: JoinHandle<Result<()>>,
    /// Clips that have been computed.
    pub(crate) computed: Arc<AtomicU64>,
}

impl Computing {
    /// Begins to compute what comes through `queue`, up to `batch` clips at once.
    pub(crate) fn start(model: Vivit, queue: mpsc::Receiver<Job>, batch: usize) -> Self {
        let (runtime, computed) = (Handle::current(), Arc::<AtomicU64>::default());
        let counted = computed.clone();
        let work = async move { compute(&model, queue, batch, &counted).await };
        // The processor as a device computes in the thread that polls the pass: none of those that answer requests.
        Self { task: tokio::task::spawn_blocking(move || runtime.block_on(work)), computed }
    }
}

async fn compute(model: &Vivit, mut queue: mpsc::Receiver<Job>, batch: usize, computed: &AtomicU64) -> Result<()> {
    let mut jobs = Vec::with_capacity(batch);
    while queue.recv_many(&mut jobs, batch).await > 0 {
        jobs.retain(|job| !job.reply.is_closed());
        let begun = Instant::now();
        let waited: Vec<_> = jobs.iter().map(|job| begun - job.since).collect();
        let (clips, mut replies): (Vec<_>, Vec<_>) = jobs.drain(..).map(|job| (job.clip, job.reply)).unzip();
        let outcomes = select! {
            biased;
            // The future of a pass may be dropped at any time: the next pass finds the model as it was.
            () = all_gone(&mut replies) => continue,
            outcomes = classify(model, &clips) => outcomes,
        };
        let computing = begun.elapsed();
        computed.fetch_add(clips.len() as u64, Ordering::Relaxed);
        let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).find(|error| is_lost(error)).cloned();
        for ((reply, waited), outcome) in replies.into_iter().zip(waited).zip(outcomes) {
            // It has no taker where the client went away meanwhile.
            let _ = reply.send(outcome.map(|classes| Computed { classes, waited, computing }));
        }
        if let Some(error) = lost {
            queue.close();
            while let Some(job) = queue.recv().await {
                let _ = job.reply.send(Err(error.clone()));
            }
            return Err(error);
        }
    }
    Ok(())
}

/// The classes of each clip. What is wrong with one of them is not the others' fault.
async fn classify(model: &Vivit, clips: &[Clip]) -> Vec<Result<Classes>> {
    match model.classify_batch_async(clips).await {
        Ok(classes) => classes.into_iter().map(Ok).collect(),
        Err(error) if clips.len() == 1 || is_lost(&error) => vec![Err(error); clips.len()],
        Err(_) => {
            let mut outcomes = Vec::with_capacity(clips.len());
            for clip in clips {
                outcomes.push(model.classify_async(clip).await);
            }
            outcomes
        }
    }
}

fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::DeviceLost
}

/// Resolves once nobody waits for an answer.
async fn all_gone(replies: &mut [Reply]) {
    for reply in replies {
        reply.closed().await;
    }
}
