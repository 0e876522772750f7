//! The public face: load a model, hand over a clip, get classes, features, attention maps or any value inside.

mod attention;
mod batch;
mod classes;
mod forward;
mod inference;
mod kept;
mod outcome;
mod pass;
mod seen;
mod sliding;
mod views;
#[cfg(not(target_arch = "wasm32"))]
mod waiting;
mod warm_up;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::checkpoint::{self, Checkpoint};
use crate::gpu::Pending;
use crate::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Graph};
use crate::kernels::{ClipLayout, Precision, Selection};
use crate::tensor::{Error, Result};
use crate::video::{ClipFrames, ClipKind, Crops, PreparedClip, Preparer, Preprocessing, Preset, Sampling};
use crate::vivit::{self, AttentionLayer, Config, MapRecording, RecordedMap, Recording, Request};

use kept::Kept;

pub use attention::{AttentionMaps, AttentionQuery};
pub use classes::{Class, Classes, HeadClasses};
pub use forward::check_clips;
pub use inference::Inference;
pub use pass::{ClipPass, Input, Pass};
pub use seen::SeenFrames;
pub use sliding::{Sliding, SlidingOptions, WindowClasses};
pub use views::{Average, Views};

/// How a model is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadOptions {
    /// How clips become the model's input. Without it the model's own preprocessor file decides, else its family:
    /// [`Provenance::preset`](checkpoint::Provenance::preset).
    pub preset: Option<Preset>,
    /// Kernel variants to run instead of the device's own choice.
    pub variants: Selection,
    /// Bytes of the device's memory that may be kept for repeated calls, beside the weights: what passes, batches, attention
    /// maps and the preparation of clips were compiled to. What was not used for longest is forgotten first; what was used last
    /// stays, whatever it takes. 1 GiB unless told otherwise.
    pub kept_bytes: u64,
    /// How precisely weights are stored on the device, and products computed. Less than f32 is an error of usage on a device
    /// that runs no WGSL.
    pub precision: Precision,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let (preset, variants, precision) = Default::default();
        Self { preset, variants, kept_bytes: KEPT_BYTES, precision }
    }
}

impl LoadOptions {
    /// As the model and the device choose.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clips become the model's input as `preset` says; `None` leaves it to the model.
    #[must_use]
    pub fn preset(self, preset: impl Into<Option<Preset>>) -> Self {
        Self { preset: preset.into(), ..self }
    }

    /// Runs these kernel variants instead of the device's own choice.
    #[must_use]
    pub fn variants(self, variants: Selection) -> Self {
        Self { variants, ..self }
    }

    /// Stores weights and computes products as precisely as this on the device.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Keeps so many bytes of the device's memory for repeated calls.
    #[must_use]
    pub fn kept_bytes(self, bytes: u64) -> Self {
        Self { kept_bytes: bytes, ..self }
    }

    /// How its executors are prepared.
    fn executor(&self) -> ExecutorOptions {
        ExecutorOptions { variants: self.variants.clone(), precision: self.precision }
    }
}

/// A ViViT model on a device.
///
/// Weights are uploaded once, when a forward pass first needs them; passes of the same batch and taps reuse everything
/// that the first one built. Cloning shares all of it, also between threads: passes over the same executor take turns.
///
/// Every call that waits for the device has a form that is a future instead, `classify_async` beside `classify`. Any
/// executor can await it, and no thread waits for the device meanwhile. In a browser these are all there is.
///
/// ```no_run
/// # async fn example(clip: tubelet::video::Clip, files: Vec<(String, Vec<u8>)>) -> tubelet::Result<()> {
/// let device = tubelet::Device::open_async(&Default::default()).await?;
/// let checkpoint = tubelet::checkpoint::from_bytes("vivit", files, &Default::default())?;
/// let model = tubelet::Vivit::from_checkpoint(&device, checkpoint, Default::default())?;
/// let classes = model.classify_async(&clip).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Vivit {
    loaded: Arc<Loaded>,
}

/// What clones of a model share.
struct Loaded {
    device: Device,
    checkpoint: Checkpoint,
    preprocessing: Preprocessing,
    options: LoadOptions,
    weights: DeviceWeights,
    kept: Kept<Purpose>,
    /// The most clips to compute at a time: fewer once the device has run out of memory.
    most_clips: AtomicUsize,
}

/// What something that is kept is for.
#[derive(Clone, PartialEq)]
enum Purpose {
    Pass(Request),
    Maps(Request, AttentionLayer),
    Preparation(ClipKind, Crops),
}

/// An executor and what it computes.
#[derive(Clone)]
struct SharedExecutor {
    executor: Arc<dyn Executor>,
    recording: Arc<Recording>,
    /// The maps of attention that it computes.
    maps: Arc<[RecordedMap]>,
}

/// Bytes kept for repeated calls unless told otherwise: a clip of ViT-B takes 83 MiB.
const KEPT_BYTES: u64 = 1 << 30;

impl Vivit {
    /// Loads a model by folder or by name on the Hugging Face hub, as [`checkpoint::load`] does. It reads files and does not
    /// wait for the device.
    pub fn load(device: &Device, name_or_path: &str) -> Result<Self> {
        Self::from_checkpoint(device, checkpoint::load(name_or_path)?, LoadOptions::default())
    }

    /// A model from a checkpoint that was loaded before.
    ///
    /// ```no_run
    /// use tubelet::kernels::Precision;
    /// use tubelet::{Device, LoadOptions, Vivit, checkpoint};
    ///
    /// let device = Device::open(&Default::default())?;
    /// let checkpoint = checkpoint::load("google/vivit-b-16x2-kinetics400")?;
    /// let model = Vivit::from_checkpoint(&device, checkpoint, LoadOptions::new().precision(Precision::F16Weights))?;
    /// println!("{} on {}: {}", model.checkpoint().source, device.name(), model.config());
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Variants or f16 on a device that runs no kernels in WGSL, arithmetic in f16 on one whose shaders have none, and a
    /// preset whose crops are of another size than the model's.
    pub fn from_checkpoint(device: &Device, checkpoint: Checkpoint, options: LoadOptions) -> Result<Self> {
        device.check_options(&options.executor())?;
        let source: Arc<dyn crate::graph::Weights> = checkpoint.parameters.clone();
        let loaded = Loaded {
            device: device.clone(),
            preprocessing: preprocessing(&checkpoint, options.preset)?,
            weights: DeviceWeights::new(device, source),
            kept: Kept::new(options.kept_bytes),
            most_clips: AtomicUsize::new(usize::MAX),
            checkpoint,
            options,
        };
        Ok(Self { loaded: Arc::new(loaded) })
    }

    /// The model's sizes and switches.
    pub fn config(&self) -> &Config {
        &self.loaded.checkpoint.config
    }

    /// Where the model came from, its class names, and what its user should know.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.loaded.checkpoint
    }

    /// How clips become the model's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.loaded.preprocessing
    }

    /// The order of the axes of the model's input: that of its family.
    pub fn layout(&self) -> ClipLayout {
        self.loaded.checkpoint.provenance.layout()
    }

    /// How clips are taken from a video: the model's number of frames, as far apart as it has learnt them, else every second
    /// one, in the middle.
    pub fn sampling(&self) -> Sampling {
        let frames = self.config().frames;
        self.checkpoint().learnt_clips.map_or_else(|| Sampling::central(frames), |clips| clips.sampling(frames))
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.loaded.device
    }

    /// The weights on the device.
    pub fn weights(&self) -> &DeviceWeights {
        &self.loaded.weights
    }

    /// The kernel variants and tiles that it was loaded with.
    pub fn variants(&self) -> &Selection {
        &self.loaded.options.variants
    }

    /// How precisely weights are stored on the device, and products computed.
    pub fn precision(&self) -> Precision {
        self.loaded.options.precision
    }

    /// Bytes of the device's memory that are kept for repeated calls now, beside the weights.
    pub fn kept_bytes(&self) -> u64 {
        self.loaded.kept.size()
    }

    /// Resizes, crops and scales a clip on the device.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// // Prepared once, asked twice.
    /// let prepared = model.prepare(clip)?;
    /// let (classes, maps) = (model.classify(&prepared)?, model.attention(&prepared)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A model that does not take the three colour planes of a video; frames on another device than the model's.
    pub fn prepare_async<'a>(&'a self, clip: impl Into<ClipFrames<'a>>) -> Pending<'a, PreparedClip> {
        let clip = clip.into();
        Pending::new(async move {
            let first = self.prepare_crops_async(clip, Crops::Central).await?.into_iter().next();
            first.ok_or_else(|| Error::usage("a clip without crops"))
        })
    }

    /// Resizes and scales a clip on the device, and cuts each of `crops` from it.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// use tubelet::video::Crops;
    ///
    /// let crops = model.prepare_crops(clip, Crops::Three)?;
    /// let features = model.features(&crops)?; // [3, C]
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A model that does not take the three colour planes of a video, and pictures that three crops do not fit; frames on
    /// another device than the model's.
    pub fn prepare_crops_async<'a>(
        &'a self,
        clip: impl Into<ClipFrames<'a>>,
        crops: Crops,
    ) -> Pending<'a, Vec<PreparedClip>> {
        let clip = clip.into();
        Pending::new(async move { self.preparer(clip, crops).await?.prepare_crops(clip).await })
    }

    /// The preparer of clips like this one.
    async fn preparer(&self, clip: ClipFrames<'_>, crops: Crops) -> Result<Arc<Preparer>> {
        check_video(self.config())?;
        let Loaded { device, preprocessing, options, kept, .. } = &*self.loaded;
        let make = || async move {
            let made =
                Preparer::with_crops(device, clip, preprocessing, crops, self.layout(), &options.variants).await?;
            let bytes = made.value_bytes();
            Ok((Arc::new(made), bytes))
        };
        kept.get(&Purpose::Preparation(clip.kind(), crops), make).await
    }

    /// An executor of a graph on the model's device and weights.
    pub(crate) async fn prepare_graph(&self, graph: Graph) -> Result<Box<dyn Executor>> {
        let Loaded { device, weights, options, .. } = &*self.loaded;
        device.prepare(Arc::new(graph), weights, &options.executor()).await
    }

    /// The executor of a request: compiled, with all weights uploaded.
    fn executor<'a>(&'a self, request: &'a Request) -> Pending<'a, SharedExecutor> {
        let make = move || async move {
            let recording = vivit::record(self.config(), request)?;
            // A wrong tap is found before weights are uploaded for nothing.
            forward::tapped(self.config(), &recording, request)?;
            self.made(recording, Vec::new()).await
        };
        Pending::new(async move { self.loaded.kept.get(&Purpose::Pass(request.clone()), make).await })
    }

    /// The executor of a request with maps of its attention.
    fn map_executor<'a>(&'a self, request: &'a Request, layer: &'a AttentionLayer) -> Pending<'a, SharedExecutor> {
        let make = move || async move {
            let MapRecording { recording, maps } = vivit::record_attention_maps(self.config(), request, layer)?;
            self.made(recording, maps).await
        };
        let purpose = Purpose::Maps(request.clone(), *layer);
        Pending::new(async move { self.loaded.kept.get(&purpose, make).await })
    }

    /// An executor of a recording, and the bytes that it takes.
    async fn made(&self, recording: Recording, maps: Vec<RecordedMap>) -> Result<(SharedExecutor, u64)> {
        let executor: Arc<dyn Executor> = self.prepare_graph(recording.graph.clone()).await?.into();
        let bytes = executor.value_bytes();
        Ok((SharedExecutor { executor, recording: Arc::new(recording), maps: maps.into() }, bytes))
    }
}

impl std::fmt::Debug for Vivit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vivit({} on {:?})", self.checkpoint().source, self.device())
    }
}

/// An error for a model that videos cannot be prepared for.
#[doc(hidden)]
pub fn check_video(config: &Config) -> Result<()> {
    match config.planes {
        3 => Ok(()),
        planes => Err(Error::usage(format!(
            "the model takes clips of {planes} colour planes, and videos have 3; give it tensors of its own instead"
        ))),
    }
}

/// How clips are prepared: by the preset asked for, else the model's own file, else its family's default, with frames as large
/// as it has learnt from.
#[doc(hidden)]
pub fn preprocessing(checkpoint: &Checkpoint, preset: Option<Preset>) -> Result<Preprocessing> {
    let size = [checkpoint.config.rows, checkpoint.config.columns];
    let file = match (preset, &checkpoint.preprocessor) {
        (None, Some(file)) => file,
        (Some(preset), _) => return preset.preprocessing(size),
        (None, None) => {
            let preset = checkpoint.provenance.preset();
            return checkpoint
                .learnt_clips
                .map_or_else(|| preset.preprocessing(size), |clips| clips.preprocessing(preset, size));
        }
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
