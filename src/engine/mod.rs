//! The public face: load a model, hand over a clip, get classes, features or any value inside.

mod attention;
mod classes;
mod seen;
mod sliding;
mod views;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoint::{self, Checkpoint};
use crate::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Taps, Value};
use crate::kernels::{ClipLayout, Precision, Selection};
use crate::tensor::{Error, Result, Tensor};
use crate::video::{Clip, Crops, PreparedClip, Preparer, Preprocessing, Preset, Sampling};
use crate::vivit::{self, Config, FrameMask, Recording, Request};

pub use attention::{AttentionMaps, AttentionQuery, AttentionRequest};
pub use classes::{Class, Classes, HeadClasses};
pub use seen::SeenFrames;
pub use sliding::{Sliding, SlidingOptions, Window};
pub use views::{Average, Views};

/// How a model is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// How clips become the model's input. Without it the model's own preprocessor file decides, else its family:
    /// [`Family::preset`](checkpoint::Family::preset).
    pub preset: Option<Preset>,
    /// Kernel variants to run instead of the device's own choice.
    pub variants: Selection,
    /// How precisely weights are stored on the device. Only one that runs WGSL stores them in less than f32: of another it
    /// is an error of usage.
    pub precision: Precision,
}

/// What is asked of a forward pass on raw tensors.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The order of the axes of the clips.
    pub layout: ClipLayout,
    /// The values wanted beside the logits.
    pub taps: Taps,
    /// What of the clips is not seen.
    pub mask: FrameMask,
}

impl Pass {
    /// Clips in `layout`; nothing tapped, nothing masked.
    pub fn new(layout: ClipLayout) -> Self {
        Self { layout, taps: Taps::None, mask: FrameMask::default() }
    }

    /// With the values that `taps` names.
    #[must_use]
    pub fn taps(self, taps: Taps) -> Self {
        Self { taps, ..self }
    }

    /// With what `mask` says not seen.
    #[must_use]
    pub fn mask(self, mask: FrameMask) -> Self {
        Self { mask, ..self }
    }
}

/// A ViViT model on a device.
///
/// Weights are uploaded once, when a forward pass first needs them; passes of the same batch and taps reuse everything
/// that the first one built. A model can be shared between threads: passes over the same executor take turns.
pub struct Vivit {
    device: Device,
    checkpoint: Checkpoint,
    preprocessing: Preprocessing,
    layout: ClipLayout,
    options: LoadOptions,
    weights: DeviceWeights,
    executors: Mutex<Vec<(Request, SharedExecutor)>>,
    preparers: Mutex<Vec<Preparer>>,
    /// Views that there has been memory for at a time, where that has shown.
    most_views: AtomicUsize,
}

/// An executor and what it computes.
#[derive(Clone)]
struct SharedExecutor {
    executor: Arc<Mutex<Box<dyn Executor>>>,
    recording: Arc<Recording>,
}

/// Executors kept for repeated passes: their buffers take memory, and an application uses few kinds of passes.
const KEPT_EXECUTORS: usize = 4;

/// Preparers kept for clips of the same sizes: the videos of a data set have few.
const KEPT_PREPARERS: usize = 4;

impl Vivit {
    /// Loads a model by folder or by name on the Hugging Face hub, as [`checkpoint::load`] does.
    pub fn load(device: &Device, name_or_path: &str) -> Result<Self> {
        Self::from_checkpoint(device, checkpoint::load(name_or_path)?, LoadOptions::default())
    }

    /// A model from a checkpoint that was loaded before.
    pub fn from_checkpoint(device: &Device, checkpoint: Checkpoint, options: LoadOptions) -> Result<Self> {
        let preprocessing = preprocessing(&checkpoint, options.preset)?;
        let layout = checkpoint.family.layout();
        let source: Arc<dyn crate::graph::Weights> = checkpoint.parameters.clone();
        Ok(Self {
            device: device.clone(),
            preprocessing,
            layout,
            options,
            weights: DeviceWeights::new(device, source),
            executors: Mutex::default(),
            preparers: Mutex::default(),
            most_views: AtomicUsize::new(usize::MAX),
            checkpoint,
        })
    }

    /// The model's sizes and switches.
    pub fn config(&self) -> &Config {
        &self.checkpoint.config
    }

    /// Where the model came from, its class names, and what its user should know.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How clips become the model's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The order of the axes of the model's input: that of its family.
    pub fn layout(&self) -> ClipLayout {
        self.layout
    }

    /// How clips are taken from a video: the model's number of frames, every second one, in the middle.
    pub fn sampling(&self) -> Sampling {
        Sampling::central(self.config().frames)
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Uploads the weights and compiles the kernels now instead of with the first clip.
    pub fn load_weights(&self) -> Result<()> {
        self.executor(&Request::new(1, self.layout)).map(drop)
    }

    /// As [`load_weights`](Self::load_weights), for [`taps_prepared`](Self::taps_prepared) with these taps and this mask.
    pub fn load_taps(&self, taps: &Taps, mask: &FrameMask) -> Result<()> {
        let request = Request { taps: taps.clone(), masking: mask.masking(), ..Request::new(1, self.layout) };
        self.executor(&request).map(drop)
    }

    /// The weights on the device.
    pub fn weights(&self) -> &DeviceWeights {
        &self.weights
    }

    /// Resizes, crops and scales a clip on the device.
    ///
    /// An error for a model that does not take the three colour planes of a video.
    pub fn prepare(&self, clip: &Clip) -> Result<PreparedClip> {
        let first = self.prepare_crops(clip, Crops::Central)?.into_iter().next();
        first.ok_or_else(|| Error::usage("a clip without crops"))
    }

    /// The classes of a clip.
    pub fn classify(&self, clip: &Clip) -> Result<Classes> {
        self.classify_prepared(&self.prepare(clip)?, &FrameMask::default())
    }

    /// The classes of a clip that is on the device already, of which `mask` says what is not seen.
    pub fn classify_prepared(&self, clip: &PreparedClip, mask: &FrameMask) -> Result<Classes> {
        self.classes(&self.run_prepared(clip, mask, class_values)?)
    }

    /// The classes of one clip that is in host memory.
    fn classify_values(&self, clip: &Tensor, mask: &FrameMask) -> Result<Classes> {
        let request = Request { masking: mask.masking(), ..Request::new(1, self.layout) };
        self.classes(&self.run_request(&request, Feed::Host(clip), mask, class_values)?)
    }

    /// The classes that the values of [`class_values`] say.
    fn classes(&self, found: &[Tensor]) -> Result<Classes> {
        let [logits] = found else { return Err(Error::usage("the model's outputs are missing")) };
        Classes::new(logits.as_f32()?, &self.config().labelling, self.checkpoint.labels.as_deref())
    }

    /// What the head sees of a clip, `[1, C]`: the pooled output of the encoder, or of the representation layer.
    pub fn features(&self, clip: &Clip) -> Result<Tensor> {
        self.features_prepared(&self.prepare(clip)?, &FrameMask::default())
    }

    /// What the head sees of a clip that is on the device already, of which `mask` says what is not seen: `[1, C]`.
    pub fn features_prepared(&self, clip: &PreparedClip, mask: &FrameMask) -> Result<Tensor> {
        let found = self.run_prepared(clip, mask, |recording| Ok(vec![recording.features]))?;
        found.into_iter().next().ok_or_else(|| Error::usage("the model's features are missing"))
    }

    /// The values that are tapped of one clip that is on the device already, and what the head sees of it under the name
    /// `features`.
    ///
    /// An error for a tap that the model does not have, with those it has.
    pub fn taps_prepared(
        &self,
        clip: &PreparedClip,
        taps: &Taps,
        mask: &FrameMask,
    ) -> Result<BTreeMap<String, Tensor>> {
        let request = Request { taps: taps.clone(), masking: mask.masking(), ..Request::new(1, self.layout) };
        self.check_prepared(clip, &request)?;
        let mut names = Vec::new();
        let found = self.run_request(&request, Feed::Device(clip.memory()), mask, |recording| {
            let tapped = tapped(self.config(), recording, &request)?;
            names.push("features".to_owned());
            names.extend(tapped.iter().map(|value| recording.graph.name(*value).to_owned()));
            Ok([recording.features].into_iter().chain(tapped).collect())
        })?;
        Ok(names.into_iter().zip(found).collect())
    }

    /// Runs one clip that is on the device and returns the values that `wanted` picks.
    fn run_prepared(
        &self,
        clip: &PreparedClip,
        mask: &FrameMask,
        wanted: impl FnOnce(&Recording) -> Result<Vec<Value>>,
    ) -> Result<Vec<Tensor>> {
        let request = Request { masking: mask.masking(), ..Request::new(1, self.layout) };
        self.check_prepared(clip, &request)?;
        self.run_request(&request, Feed::Device(clip.memory()), mask, wanted)
    }

    /// An error where a clip is not one of `request`.
    fn check_prepared(&self, clip: &PreparedClip, request: &Request) -> Result<()> {
        let shape = vivit::clip_shape(self.config(), request);
        if *clip.shape() == shape {
            return Ok(());
        }
        let given = clip.shape();
        Err(Error::usage(format!("the model takes a clip of shape {shape}, this one has {given}")))
    }

    /// Runs the clips of `request` and returns the values that `wanted` picks.
    fn run_request(
        &self,
        request: &Request,
        clip: Feed<'_>,
        mask: &FrameMask,
        wanted: impl FnOnce(&Recording) -> Result<Vec<Value>>,
    ) -> Result<Vec<Tensor>> {
        let shared = self.executor(request)?;
        let wanted = wanted(&shared.recording)?;
        let validity = mask.validity(self.config(), request.batch)?;
        let mut executor = shared.executor.lock().unwrap_or_else(PoisonError::into_inner);
        executor.run(&feeds(clip, validity.as_ref()), &wanted)
    }

    /// Raw tensors in and out: a batch of clips, and `logits` (or what the head would see, for a model without one) with
    /// every value that is tapped. A batch that the device's buffers do not hold is computed in parts.
    ///
    /// An error for a clip of another size, and for a tap that the model does not have, with those it has.
    pub fn forward(&self, clips: &Tensor, pass: &Pass) -> Result<BTreeMap<String, Tensor>> {
        let whole = request(self.config(), clips, pass)?;
        let validity = pass.mask.validity(self.config(), whole.batch)?;
        let at_once = self.clips_at_once(&whole)?;
        if whole.batch <= at_once {
            return self.forward_part(&whole, clips, validity.as_ref());
        }
        let values = clips.as_f32()?;
        let clip = values.len() / whole.batch;
        let mut parts = Vec::new();
        for (values, first) in values.chunks(at_once * clip).zip((0..).step_by(at_once)) {
            let part = Request { batch: values.len() / clip, ..whole.clone() };
            let clips = Tensor::f32(vivit::clip_shape(self.config(), &part), values.to_vec())?;
            let mask = pass.mask.of_clips(first..first + part.batch, self.config().frames);
            let validity = mask.validity(self.config(), part.batch)?;
            parts.push(self.forward_part(&part, &clips, validity.as_ref())?);
        }
        let graph = vivit::record(self.config(), &whole)?.graph;
        let join = |name: &String| {
            let parts: Vec<_> = parts.iter().filter_map(|part| part.get(name)).collect();
            let value = graph.find(name).ok_or_else(|| Error::usage(format!("the model has no value {name}")))?;
            Ok((name.clone(), Tensor::joined(&parts, graph.shape(value))?))
        };
        parts.first().into_iter().flat_map(BTreeMap::keys).map(join).collect()
    }

    fn forward_part(
        &self,
        request: &Request,
        clips: &Tensor,
        validity: Option<&Tensor>,
    ) -> Result<BTreeMap<String, Tensor>> {
        let shared = self.executor(request)?;
        let wanted = wanted(self.config(), &shared.recording, request)?;
        let mut executor = shared.executor.lock().unwrap_or_else(PoisonError::into_inner);
        named(&shared.recording.graph, &wanted, executor.run(&feeds(Feed::Host(clips), validity), &wanted)?)
    }

    /// How many clips the device's buffers hold at a time, at least one: every value grows with their number.
    fn clips_at_once(&self, request: &Request) -> Result<usize> {
        let graph = vivit::record(self.config(), &Request { batch: 1, ..request.clone() })?.graph;
        let largest = graph.inputs().chain(graph.computed()).map(|value| graph.bytes(value)).max().unwrap_or(1);
        Ok((self.device.largest_value() / largest.max(1)).max(1) as usize)
    }

    /// An executor of a graph on the model's device and weights.
    fn prepare_graph(&self, graph: Graph) -> Result<Box<dyn Executor>> {
        let LoadOptions { variants, precision, .. } = &self.options;
        let options = ExecutorOptions { variants: variants.clone(), precision: *precision };
        self.device.prepare(Arc::new(graph), &self.weights, &options)
    }

    /// The executor of a request: compiled, with all weights uploaded.
    fn executor(&self, request: &Request) -> Result<SharedExecutor> {
        let mut kept = self.executors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(known, _)| known == request) {
            // The one used last is the one forgotten last.
            let known = kept.remove(place);
            let shared = known.1.clone();
            kept.push(known);
            return Ok(shared);
        }
        if kept.len() == KEPT_EXECUTORS {
            kept.remove(0);
        }
        let recording = vivit::record(self.config(), request)?;
        // A wrong tap is found before weights are uploaded for nothing.
        wanted(self.config(), &recording, request)?;
        let executor = self.prepare_graph(recording.graph.clone())?;
        let shared = SharedExecutor { executor: Arc::new(Mutex::new(executor)), recording: Arc::new(recording) };
        kept.push((request.clone(), shared.clone()));
        Ok(shared)
    }
}

impl std::fmt::Debug for Vivit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vivit({} on {:?})", self.checkpoint.source, self.device)
    }
}

/// The value that says the classes of a clip.
fn class_values(recording: &Recording) -> Result<Vec<Value>> {
    recording.logits.map(|logits| vec![logits]).ok_or_else(headless)
}

fn headless() -> Error {
    Error::usage("this model has no classification head; ask for its features instead")
}

/// What goes into a graph: the clip, and which temporal indices are valid where some are not.
fn feeds<'a>(clip: Feed<'a>, validity: Option<&'a Tensor>) -> Vec<(&'static str, Feed<'a>)> {
    let validity = validity.map(|validity| ("validity", Feed::Host(validity)));
    [("clip", clip)].into_iter().chain(validity).collect()
}

/// An error for a model that videos cannot be prepared for.
pub fn check_video(config: &Config) -> Result<()> {
    match config.planes {
        3 => Ok(()),
        planes => Err(Error::usage(format!(
            "the model takes clips of {planes} colour planes, and videos have 3; give it tensors of its own instead"
        ))),
    }
}

/// How clips are prepared: by the preset asked for, else the model's own file, else its family's default.
pub fn preprocessing(checkpoint: &Checkpoint, preset: Option<Preset>) -> Result<Preprocessing> {
    let size = [checkpoint.config.rows, checkpoint.config.columns];
    let file = match (preset, &checkpoint.preprocessor) {
        (None, Some(file)) => file,
        (preset, _) => return preset.unwrap_or(checkpoint.family.preset()).preprocessing(size),
    };
    let of_model = |error: Error| error.within(&checkpoint.source);
    let preprocessing = file.preprocessing().map_err(of_model)?;
    match preprocessing.crop() {
        Some(crop) if crop != size => {
            let [[rows, columns], [model_rows, model_columns]] = [crop, size];
            Err(of_model(Error::file(format!(
                "{} crops to {columns}x{rows} pixels (width x height), but the model takes {model_columns}x{model_rows}; \
                 correct it or choose a preset",
                file.name
            ))))
        }
        _ => Ok(preprocessing),
    }
}

/// An error where a model of this configuration cannot take `clips`, a batch in `layout`.
pub fn check_clips(config: &Config, clips: &Tensor, layout: ClipLayout) -> Result<()> {
    request(config, clips, &Pass::new(layout)).map(drop)
}

fn request(config: &Config, clips: &Tensor, pass: &Pass) -> Result<Request> {
    let batch = clips.shape().axes().first().copied().unwrap_or(0);
    let request = Request { taps: pass.taps.clone(), masking: pass.mask.masking(), ..Request::new(batch, pass.layout) };
    let wanted = vivit::clip_shape(config, &request);
    if *clips.shape() != wanted || batch == 0 {
        let one = vivit::clip_shape(config, &Request { batch: 1, ..request });
        return Err(Error::usage(format!(
            "the model takes clips of shape {one} (the first axis may be any number), these are {}",
            clips.shape()
        )));
    }
    Ok(request)
}

/// The values to return: the output of the head, and all that are tapped.
fn wanted(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<Value>> {
    let mut wanted = vec![recording.logits.unwrap_or(recording.features)];
    let tapped = tapped(config, recording, request)?;
    wanted.extend(tapped.into_iter().filter(|value| !wanted.contains(value)).collect::<Vec<_>>());
    Ok(wanted)
}

/// The values that are tapped.
fn tapped(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<Value>> {
    let graph = &recording.graph;
    match &request.taps {
        Taps::None => Ok(Vec::new()),
        Taps::All => Ok(graph.computed().collect()),
        Taps::Names(names) => {
            let find = |name: &String| {
                let computed = |value: &Value| graph.computed().any(|computed| computed == *value);
                graph.find(name).filter(computed).ok_or_else(|| unknown_value(config, request, name))
            };
            names.iter().map(find).collect()
        }
    }
}

/// The error for a tap that the model does not have, with all that it has.
fn unknown_value(config: &Config, request: &Request, name: &str) -> Error {
    match vivit::record(config, &Request { taps: Taps::All, ..request.clone() }) {
        Ok(Recording { graph, .. }) => {
            let known = names(graph.computed().map(|value| graph.name(value)));
            Error::usage(format!("the model has no value {name:?}; it has {known}"))
        }
        Err(error) => error,
    }
}

/// Names in a row, numbered ones as one: `hidden_state.1 to .12`.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut stems: Vec<(&str, Vec<usize>)> = Vec::new();
    for name in names {
        let numbered = name.rsplit_once('.').and_then(|(stem, number)| Some((stem, number.parse().ok()?)));
        let (stem, number) = numbered.map_or((name, None), |(stem, number)| (stem, Some(number)));
        match stems.iter_mut().find(|(known, _)| *known == stem) {
            Some((_, numbers)) => numbers.extend(number),
            None => stems.push((stem, number.into_iter().collect())),
        }
    }
    let named = stems.into_iter().map(|(stem, numbers)| match numbers.as_slice() {
        [] => stem.to_owned(),
        [only] => format!("{stem}.{only}"),
        [first, .., last] => format!("{stem}.{first} to .{last}"),
    });
    named.collect::<Vec<_>>().join(", ")
}

fn named(graph: &Graph, values: &[Value], tensors: Vec<Tensor>) -> Result<BTreeMap<String, Tensor>> {
    Ok(values.iter().map(|value| graph.name(*value).to_owned()).zip(tensors).collect())
}
