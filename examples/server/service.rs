//! What can be asked, and what is answered.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tubelet::video::OpenOptions;
use tubelet::{Class, Classes, Vivit};

use crate::computing::{Computed, Job};
use crate::refusal::Refusal;
use crate::upload::{Decoded, Incoming, Upload};

/// What requests share.
pub(crate) struct Service {
    model: Vivit,
    queue: mpsc::Sender<Job>,
    /// Clips that have been computed.
    computed: Arc<AtomicU64>,
    decoders: Arc<Semaphore>,
    limits: Limits,
    counters: Counters,
}

/// What a request may take.
pub(crate) struct Limits {
    pub(crate) timeout: Duration,
    /// Bytes of a body.
    pub(crate) largest: u64,
}

/// Requests to classify, by how they ended.
#[derive(Default)]
struct Counters {
    served: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
}

/// What `/classify` is asked beside the video.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many classes to answer.
    #[serde(default = "five")]
    top: NonZeroUsize,
}

fn five() -> NonZeroUsize {
    const { NonZeroUsize::new(5).unwrap() }
}

/// What `/classify` answers. The keys are those of `tubelet classify --json`, where it has them.
#[derive(Serialize)]
struct Answer {
    /// Of all heads together, where there are several.
    classes: Vec<Class>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heads: Vec<Head>,
    /// Of the whole video.
    frames: usize,
    /// Which of them the model has seen.
    indices: Vec<usize>,
    waited_ms: f64,
    computed_ms: f64,
}

/// One of several heads.
#[derive(Serialize)]
struct Head {
    name: String,
    classes: Vec<Class>,
}

/// What `/health` answers.
#[derive(Serialize)]
struct Health {
    /// Whether it takes requests: not once the device is lost.
    ready: bool,
    model: String,
    device: String,
    queue: Queue,
    /// Clips that went through the model.
    computed: u64,
    requests: Requests,
}

#[derive(Serialize)]
struct Queue {
    length: usize,
    capacity: usize,
}

#[derive(Serialize)]
struct Requests {
    served: u64,
    refused: u64,
    failed: u64,
    timed_out: u64,
}

impl Service {
    /// Answers with what is computed of the clips that are sent to `queue`.
    pub(crate) fn new(model: Vivit, queue: mpsc::Sender<Job>, computed: Arc<AtomicU64>, limits: Limits) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let decoders = Arc::new(Semaphore::new(processors));
        Self { model, queue, computed, decoders, limits, counters: Counters::default() }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/classify", post(classify))
            .route("/health", get(health))
            .fallback(async |uri: Uri| unknown(StatusCode::NOT_FOUND, &uri))
            .method_not_allowed_fallback(async |uri: Uri| unknown(StatusCode::METHOD_NOT_ALLOWED, &uri))
            .with_state(Arc::new(self))
    }

    async fn answer(
        &self,
        asked: Result<Query<Asked>, QueryRejection>,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        let Query(Asked { top }) = asked?;
        body.check_length(self.limits.largest)?;
        // Before the body is read: what cannot be computed need not be sent.
        let place = self.queue.try_reserve().map_err(|error| match error {
            TrySendError::Full(()) => Refusal::busy(self.queue.max_capacity()),
            TrySendError::Closed(()) => Refusal::ending(),
        })?;
        let upload = body.store(self.limits.largest).await?;
        let Decoded { clip, frames } = self.decoded(upload).await?;
        let indices = clip.indices().to_vec();
        let (job, computed) = Job::new(clip);
        place.send(job);
        let Computed { classes, waited, computing } = computed.await.map_err(|_| Refusal::ending())??;
        let [waited_ms, computed_ms] = [waited, computing].map(|time| time.as_micros() as f64 / 1e3);
        let heads = heads(&classes, top);
        Ok(Answer { classes: classes.top(top.get()), heads, frames, indices, waited_ms, computed_ms })
    }

    async fn decoded(&self, upload: Upload) -> Result<Decoded, Refusal> {
        let turn = self.decoders.clone().acquire_owned().await.map_err(Refusal::internal)?;
        let sampling = self.model.sampling();
        // Nothing ends a decoder when its client goes away; this does, soon after the time of the request is over.
        let options = OpenOptions::new().timeout(Some(self.limits.timeout));
        let decode = move || {
            let _turn = turn;
            upload.decode(&sampling, &options)
        };
        Ok(tokio::task::spawn_blocking(decode).await.map_err(Refusal::internal)??)
    }

    fn health(&self) -> Health {
        let [served, refused, failed, timed_out] = self.counters.read();
        let capacity = self.queue.max_capacity();
        Health {
            ready: !self.queue.is_closed(),
            model: self.model.checkpoint().source.clone(),
            device: self.model.device().name().to_owned(),
            queue: Queue { length: capacity - self.queue.capacity(), capacity },
            computed: self.computed.load(Ordering::Relaxed),
            requests: Requests { served, refused, failed, timed_out },
        }
    }
}

impl Counters {
    fn count(&self, outcome: &Result<Answer, Refusal>) {
        let counter = match outcome.as_ref().map_err(|refusal| refusal.status) {
            Ok(_) => &self.served,
            Err(StatusCode::SERVICE_UNAVAILABLE) => &self.refused,
            Err(StatusCode::GATEWAY_TIMEOUT) => &self.timed_out,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> [u64; 4] {
        [&self.served, &self.refused, &self.failed, &self.timed_out].map(|counter| counter.load(Ordering::Relaxed))
    }
}

async fn classify(
    State(service): State<Arc<Service>>,
    asked: Result<Query<Asked>, QueryRejection>,
    mut body: Incoming,
) -> Result<Json<Answer>, Refusal> {
    let limit = service.limits.timeout;
    let outcome = tokio::time::timeout(limit, service.answer(asked, &mut body)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(Refusal::late(limit)));
    service.counters.count(&outcome);
    if outcome.is_err() {
        body.discard();
    }
    outcome.map(Json)
}

async fn health(State(service): State<Arc<Service>>) -> (StatusCode, Json<Health>) {
    let health = service.health();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

fn unknown(status: StatusCode, uri: &Uri) -> Refusal {
    let sentence = format!("{} is not to be had so; POST a video to /classify, or GET /health", uri.path());
    Refusal::new(status, "usage", sentence)
}

/// The classes of each head, where there are several.
fn heads(classes: &Classes, top: NonZeroUsize) -> Vec<Head> {
    match classes.heads().len() {
        1 => Vec::new(),
        _ => classes.heads().map(|head| Head { name: head.name().to_owned(), classes: head.top(top.get()) }).collect(),
    }
}
