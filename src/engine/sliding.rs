//! A window that slides over a video of any length, or over a source without end.

use std::collections::VecDeque;
use std::sync::Arc;

use super::forward::{feeds, headless, logits_alone};
use super::{Classes, Pass, Vivit};
use crate::gpu::Pending;
use crate::graph::{Executor, Feed, Value};
use crate::kernels::Cost;
use crate::tensor::{Error, Result, Tensor};
use crate::video::{Clip, Frame};
use crate::vivit::{self, Config, Halves, ModelInput, Request};

/// How a window slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlidingOptions {
    /// Looked-at frames from the start of one window to that of the next, at least 1.
    pub step: usize,
    /// Every `stride`-th frame of the source is looked at; at least 1.
    pub stride: usize,
}

impl SlidingOptions {
    /// Windows that come `step` frames after one another, of every frame of the source.
    pub fn new(step: usize) -> Self {
        Self { step, stride: 1 }
    }

    /// Looks at every `stride`-th frame alone.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
}

/// What a model says of one window.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WindowClasses {
    /// Indices of its first and last frame in the source, from 0.
    pub frames: [usize; 2],
    /// Its classes: those of a clip of the same frames.
    pub classes: Classes,
}

impl WindowClasses {
    /// The classes of the window from frame `frames[0]` to frame `frames[1]` of the source.
    pub fn new(frames: [usize; 2], classes: Classes) -> Self {
        Self { frames, classes }
    }
}

/// The classes of every window of a video as its frames go by, in memory that does not grow.
///
/// Where a step is whole tubelets, Model 2 computes each temporal index once: its spatial encoder does not depend on the rest
/// of the window. A step by one of 16 temporal indices then costs a sixteenth of a clip and a small temporal encoder. The other
/// models compute every window whole.
pub struct Sliding {
    model: Vivit,
    options: SlidingOptions,
    pass: Pass,
    /// Whether taking the last frame was broken off: no window may hold frames from before.
    broken_off: bool,
    /// Frames that the source has delivered.
    delivered: usize,
    /// Looked-at frames to skip before the next window, where a step is longer than a window.
    pass_over: usize,
    /// Frames that wait for their group to be full.
    waiting: Vec<Arc<Frame>>,
    /// Frames that are prepared together.
    group: usize,
    /// Index in the source of the first frame of each group that is in the window.
    starts: VecDeque<usize>,
    reuse: Reuse,
}

/// What is kept of the frames in the window, group by group.
enum Reuse {
    /// A model in two halves: the vectors of the temporal indices of each group.
    Vectors { halves: Box<BoundHalves>, kept: VecDeque<Vec<f32>> },
    /// Any model: the prepared pixels of each group.
    Pixels { kept: VecDeque<Vec<f32>> },
}

/// The executors of a model's two halves, each with the values that it is run for.
struct BoundHalves {
    spatial: (Box<dyn Executor>, Value),
    temporal: (Box<dyn Executor>, Vec<Value>),
}

impl Vivit {
    /// A window of the model's number of frames, to slide over a source. Uploads the weights and compiles what it needs.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, source: &mut dyn tubelet::video::FrameSource) -> tubelet::Result<()> {
    /// use std::ops::ControlFlow;
    /// use tubelet::Pass;
    /// use tubelet::engine::SlidingOptions;
    ///
    /// let mut sliding = model.sliding(SlidingOptions::new(4).stride(2), &Pass::new())?;
    /// source.watch(&mut |frame| {
    ///     if let Some(window) = sliding.push(frame)? {
    ///         let [first, last] = window.frames;
    ///         println!("frames {first} to {last}: {}", window.classes.top(1)[0].name);
    ///     }
    ///     Ok(ControlFlow::Continue(()))
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A step or stride of 0, and a model without a head; a pass with taps, of several views, or with masked frames, which
    /// move with the window.
    pub fn sliding_async<'a>(&'a self, options: SlidingOptions, pass: &'a Pass) -> Pending<'a, Sliding> {
        Pending::new(self.slide(options, pass))
    }

    async fn slide(&self, options: SlidingOptions, pass: &Pass) -> Result<Sliding> {
        let config = self.config();
        super::check_video(config)?;
        pass.without_taps("sliding")?;
        pass.of_one_view("sliding")?;
        if pass.mask.valid.is_some() {
            return Err(Error::usage("a sliding window sees all of its frames: mask none of them"));
        }
        if options.step == 0 || options.stride == 0 {
            return Err(Error::usage("a window slides by at least one frame"));
        }
        if config.classes == 0 {
            return Err(headless());
        }
        let advance = options.step.min(config.frames);
        let group = common_divisor(config.frames, advance);
        let reuse = match config.model.halves() {
            Some(halves) if shares_tubelets(config, group) => self.vectors(halves, group, pass).await?,
            _ => {
                self.executor(&pass.request(1, self.layout())).await?;
                Reuse::Pixels { kept: VecDeque::new() }
            }
        };
        Ok(Sliding {
            model: self.clone(),
            options,
            // Frames are prepared in the layout of the model.
            pass: Pass { layout: None, ..pass.clone() },
            broken_off: false,
            delivered: 0,
            pass_over: 0,
            waiting: Vec::new(),
            group,
            starts: VecDeque::new(),
            reuse,
        })
    }

    /// The model's two halves: pixels of a group to vectors, vectors of a window to classes.
    async fn vectors(&self, halves: &dyn Halves, group: usize, pass: &Pass) -> Result<Reuse> {
        let part = Config { frames: group, ..self.config().clone() };
        let (graph, vectors) = halves.record_spatial(&part, &Request::new(1, self.layout()))?;
        let spatial = self.prepare_graph(graph).await?;
        let window = pass.request(1, self.layout());
        let recording = halves.record_temporal(self.config(), &window)?;
        let wanted = logits_alone(self.config(), &recording, &window)?.into_iter().map(|(_, value)| value).collect();
        let temporal = self.prepare_graph(recording.graph).await?;
        let halves = BoundHalves { spatial: (spatial, vectors), temporal: (temporal, wanted) };
        Ok(Reuse::Vectors { halves: Box::new(halves), kept: VecDeque::new() })
    }
}

/// Whether windows that advance by groups of frames share whole tubelets.
fn shares_tubelets(config: &Config, group: usize) -> bool {
    config.frame_sampling.is_none()
        && group.is_multiple_of(config.tubelet.frames)
        && config.frames.is_multiple_of(config.tubelet.frames)
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

impl Sliding {
    /// Takes the next frame of the source, and returns the window that it completes.
    ///
    /// An error for a frame that cannot be prepared. After an error, and after a future that is dropped unfinished, the next
    /// window begins with the next frame: an earlier one would miss a frame.
    pub fn push_async<'a>(&'a mut self, frame: &'a Frame) -> Pending<'a, Option<WindowClasses>> {
        Pending::new(async move {
            if std::mem::replace(&mut self.broken_off, true) {
                self.start_over();
            }
            let window = self.take(frame).await?;
            self.broken_off = false;
            Ok(window)
        })
    }

    async fn take(&mut self, frame: &Frame) -> Result<Option<WindowClasses>> {
        let index = self.delivered;
        self.delivered += 1;
        if !index.is_multiple_of(self.options.stride) {
            return Ok(None);
        }
        if self.pass_over > 0 {
            self.pass_over -= 1;
            return Ok(None);
        }
        if self.waiting.is_empty() {
            self.starts.push_back(index);
        }
        self.waiting.push(Arc::new(frame.clone()));
        if self.waiting.len() < self.group {
            return Ok(None);
        }
        self.keep_group().await?;
        if self.starts.len() * self.group < self.model.config().frames {
            return Ok(None);
        }
        let classes = self.classify().await?;
        let first = self.starts.front().copied().unwrap_or(index);
        self.advance();
        Ok(Some(WindowClasses { frames: [first, index], classes }))
    }

    /// A window as a pass of its own.
    fn window(&self) -> Request {
        self.pass.request(1, self.model.layout())
    }

    /// What computing a window costs once it follows another: its new frames, and everything that depends on them.
    pub fn step_cost(&self) -> Result<Cost> {
        let (config, precision) = (self.model.config(), self.model.loaded.options.precision);
        match &self.reuse {
            Reuse::Vectors { halves, .. } => {
                let group = halves.spatial.0.graph().cost(precision);
                let groups = self.options.step.min(config.frames) / self.group;
                Ok((0..groups).fold(halves.temporal.0.graph().cost(precision), |sum, _| sum + group))
            }
            Reuse::Pixels { .. } => Ok(vivit::record(config, &self.window())?.graph.cost(precision)),
        }
    }

    /// Prepares the waiting frames and keeps what the next windows need of them.
    async fn keep_group(&mut self) -> Result<()> {
        let frames = std::mem::take(&mut self.waiting);
        let indices = (0..frames.len()).collect();
        let prepared = self.model.prepare_async(&Clip::new(frames, indices)?).await?;
        match &mut self.reuse {
            Reuse::Vectors { halves, kept } => {
                let (executor, vectors) = &mut halves.spatial;
                let found = executor.run(&feeds(Feed::Device(prepared.memory()), None), &[*vectors]).await?;
                kept.extend(found.iter().map(|found| Ok(found.as_f32()?.to_vec())).collect::<Result<Vec<_>>>()?);
            }
            Reuse::Pixels { kept } => kept.push_back(prepared.read(self.model.device()).await?.as_f32()?.to_vec()),
        }
        Ok(())
    }

    /// The classes of the window that is kept.
    async fn classify(&mut self) -> Result<Classes> {
        let config = self.model.config();
        match &mut self.reuse {
            Reuse::Vectors { halves, kept } => {
                let (executor, wanted) = &mut halves.temporal;
                let vectors = kept.iter().flatten().copied().collect();
                let vectors = Tensor::f32([1, config.grid().temporal, config.width], vectors)?;
                let feeds = [(ModelInput::FrameRepresentation.name(), Feed::Host(&vectors))];
                let found = executor.run(&feeds, wanted).await?;
                let logits = found.first().ok_or_else(headless)?;
                let labels = self.model.checkpoint().labels.as_deref();
                Classes::new(logits.as_f32()?, &config.labelling, labels)
            }
            Reuse::Pixels { kept } => {
                let pixels = kept.iter().flatten().copied().collect();
                let clip = Tensor::f32(vivit::clip_shape(config, &self.window()), pixels)?;
                self.model.classify_async(self.pass.over(&clip)).await
            }
        }
    }

    /// Forgets everything: no window holds what has been delivered so far.
    fn start_over(&mut self) {
        self.waiting.clear();
        self.starts.clear();
        match &mut self.reuse {
            Reuse::Vectors { kept, .. } | Reuse::Pixels { kept } => kept.clear(),
        }
    }

    /// Forgets what the next window does not hold.
    fn advance(&mut self) {
        let step = self.options.step;
        let kept = self.model.config().frames.saturating_sub(step) / self.group;
        self.pass_over = step.saturating_sub(self.model.config().frames);
        let forgotten = self.starts.len() - kept;
        self.starts.drain(..forgotten);
        match &mut self.reuse {
            Reuse::Vectors { kept, .. } | Reuse::Pixels { kept } => kept.drain(..forgotten),
        };
    }
}

impl std::fmt::Debug for Sliding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = match &self.reuse {
            Reuse::Vectors { .. } => ("temporal indices", self.group / self.model.config().tubelet.frames),
            Reuse::Pixels { .. } => ("frames", self.group),
        };
        let (what, each) = kept;
        let count = self.starts.len() * each;
        write!(f, "Sliding({:?} after {} frames, {what} kept: {count})", self.options, self.delivered)
    }
}
