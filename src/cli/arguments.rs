//! Arguments that several subcommands share.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use clap::ValueHint;
use tubelet::bench::BenchDevice;
use tubelet::checkpoint::{self, Checkpoint, Hints, Hub};
use tubelet::gpu;
use tubelet::graph::{Device, DeviceChoice, DeviceOptions, ExecutorOptions};
use tubelet::kernels::{ALL, Precision, Selection};
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::video::Preset;
use tubelet::vivit::{Classifier, Config, Model, ModelOption};
use tubelet::{LoadOptions, Vivit};

use super::known::known;
use super::{output, progress, tuned};

/// Their heading in the help.
const MODEL: &str = "Model";

/// Which model.
#[derive(clap::Args)]
pub(super) struct ModelArguments {
    #[command(flatten)]
    origin: OriginArguments,
    #[command(flatten)]
    hints: HintArguments,
    #[command(flatten)]
    clips: ClipArguments,
}

/// Where a model comes from.
#[derive(Clone, clap::Args)]
pub(super) struct OriginArguments {
    /// A folder or file of weights, a name on the Hugging Face hub, or motions, the bundled model, which tells how things
    /// and the camera move. Weights are those of the transformers library, of scenic or of this program; NAME@REVISION is
    /// another revision than main.
    #[arg(short, long, value_name = "DIR_OR_NAME", value_hint = ValueHint::AnyPath, help_heading = MODEL)]
    model: Option<String>,
    /// Random weights in a named shape, to try everything without a download: vit-ti, vit-s, vit-b, vit-l, vit-h, or
    /// with another tubelet, vit-b/16x4. Its predictions mean nothing.
    #[arg(long, value_name = "SHAPE", value_parser = known::<Shape>(Config::SHAPES.iter().copied()), hide_possible_values = true,
        conflicts_with = "model", help_heading = MODEL)]
    untrained: Option<Shape>,
}

impl OriginArguments {
    /// Whether a model was asked for.
    pub(super) fn is_given(&self) -> bool {
        self.model.is_some() || self.untrained.is_some()
    }
}

/// Their heading in the help.
const HINTS: &str = "What the model's files may not say";

/// What a model's files may leave open.
#[derive(clap::Args)]
pub(super) struct HintArguments {
    #[command(flatten)]
    switches: SwitchArguments,
    /// Frames of a clip, as in training.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = HINTS, hide_short_help = true)]
    frames: Option<usize>,
    /// Sides of a frame in pixels, as in training: 224, or 224x320 (rows x columns).
    #[arg(long, value_name = "SIZE", value_parser = sides, help_heading = HINTS, hide_short_help = true)]
    size: Option<[usize; 2]>,
}

/// What a model's files may leave open, apart from the size of its clips.
#[derive(Clone, clap::Args)]
pub(super) struct SwitchArguments {
    /// Which of the models it is: joint (1), factorised-encoder (2), factorised-self-attention (3) or
    /// factorised-dot-product (4); with --untrained, which to make.
    #[arg(long, value_name = "MODEL", value_parser = known::<Model>(Model::all().iter().map(Model::name)),
        hide_possible_values = true, help_heading = HINTS)]
    kind: Option<Model>,
    /// An option of the model's own, as in its config.json: order=time_space of Model 3, heads=spatial_first of Model 4,
    /// temporal.layers=4 or temporal=mean of Model 2. May be repeated.
    #[arg(long = "option", value_name = "NAME=VALUE", help_heading = HINTS, hide_short_help = true)]
    options: Vec<ModelOption>,
    /// How the output becomes one vector.
    #[arg(long, value_parser = known::<Classifier>(Classifier::ALL.iter().map(|one| one.name())), help_heading = HINTS,
        hide_short_help = true)]
    classifier: Option<Classifier>,
}

impl SwitchArguments {
    /// Whether the user tells which model it is.
    pub(super) fn is_given(&self) -> bool {
        self.kind.is_some() || self.classifier.is_some() || !self.options.is_empty()
    }
}

impl HintArguments {
    pub(super) fn hints(&self) -> Hints {
        Hints::new()
            .kind(self.switches.kind)
            .options(self.switches.options.clone())
            .frames(self.frames)
            .size(self.size)
            .classifier(self.switches.classifier)
    }

    /// The named shape, changed by what the user tells.
    fn of_shape(&self, shape: &str) -> Result<Config> {
        let config = self.told(Config::named(shape)?)?;
        let fits = |name: &&&str| {
            let other = Config::named(name).and_then(|config| self.told(config));
            other.is_ok_and(|config| config.validate().is_ok())
        };
        config.validate().map(|()| config).map_err(|error| {
            let fitting: Vec<_> = Config::SHAPES.iter().filter(fits).copied().collect();
            match fitting.as_slice() {
                [] => error,
                names => Error::usage(format!("{shape}: {error}; the shapes that fit are {}", names.join(", "))),
            }
        })
    }

    /// `config` with all that the user tells.
    fn told(&self, config: Config) -> Result<Config> {
        let SwitchArguments { kind, options, classifier } = &self.switches;
        let config = kind.map_or(config.clone(), |model| config.as_model(model));
        let model = options.iter().try_fold(config.model, |model, option| model.with_option(option))?;
        let [rows, columns] = self.size.unwrap_or([config.rows, config.columns]);
        let classifier = classifier.unwrap_or(config.classifier);
        let frames = self.frames.unwrap_or(config.frames);
        Ok(config.model(model).frames(frames).rows(rows).columns(columns).classifier(classifier))
    }
}

/// Their heading in the help.
const OTHER_CLIPS: &str = "Clips of another size than in training";

/// Clips that are not as in training.
#[derive(Clone, clap::Args)]
pub(super) struct ClipArguments {
    /// Frames of a clip; the positions are interpolated over time.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = OTHER_CLIPS, hide_short_help = true)]
    clip_frames: Option<usize>,
    /// Sides of a frame in pixels, 288 or 224x320 (rows x columns); the positions are interpolated over space.
    #[arg(long, value_name = "SIZE", value_parser = sides, help_heading = OTHER_CLIPS, hide_short_help = true)]
    clip_size: Option<[usize; 2]>,
}

/// The name of a known shape.
#[derive(Clone)]
pub(super) struct Shape(String);

impl FromStr for Shape {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Config::named(name).map(|_| Self(name.to_owned()))
    }
}

/// The seed of untrained weights: the same numbers everywhere.
const SEED: u64 = 0;

impl ClipArguments {
    /// Whether clips are of another size than in training.
    pub(super) fn is_given(&self) -> bool {
        self.clip_frames.is_some() || self.clip_size.is_some()
    }
}

impl ModelArguments {
    /// What several arguments say together, with the size of clips in training.
    pub(super) fn new(
        origin: OriginArguments,
        switches: SwitchArguments,
        clips: ClipArguments,
        frames: Option<usize>,
        size: Option<[usize; 2]>,
    ) -> Self {
        Self { origin, hints: HintArguments { switches, frames, size }, clips }
    }

    /// The checkpoint; what its user should know goes to stderr.
    pub(super) fn load(&self) -> Result<Checkpoint> {
        self.load_or_none()?.ok_or_else(no_model)
    }

    /// What the user tells of the model.
    pub(super) fn hints(&self) -> Hints {
        self.hints.hints()
    }

    /// The model's folder, where it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.origin.model.as_deref().filter(|model| !is_bundled(model)).map(Path::new)
    }

    /// As [`Self::load`], on clips of `frames` frames, for which the positions are interpolated over time where the model
    /// was trained on another number.
    pub(super) fn load_on(&self, frames: usize) -> Result<Checkpoint> {
        self.load_clips(Some(frames))?.ok_or_else(no_model)
    }

    /// As [`Self::load`], with an untrained model of this shape where none was asked for.
    pub(super) fn load_or_untrained(&self, shape: &str) -> Result<Checkpoint> {
        let checkpoint = self.load_or_none()?;
        checkpoint.map_or_else(|| Ok(said(self.untrained(shape)?)), Ok)
    }

    /// As [`Self::load`]; `None` where no model was asked for.
    pub(super) fn load_or_none(&self) -> Result<Option<Checkpoint>> {
        self.load_clips(self.clips.clip_frames)
    }

    /// As [`Self::load_or_none`], on clips of so many frames.
    fn load_clips(&self, frames: Option<usize>) -> Result<Option<Checkpoint>> {
        let checkpoint = match (&self.origin.model, &self.origin.untrained) {
            (Some(model), _) => {
                let _spinner = progress::spinner("loading checkpoint");
                let loaded = checkpoint::load_hinted(model, &Hub::from_env(), &self.hints.hints());
                loaded.map_err(|error| self.on_other_clips(error))?
            }
            (None, Some(Shape(shape))) => self.untrained(shape)?,
            (None, None) => return Ok(None),
        };
        let checkpoint = checkpoint.on_clips(frames, self.clips.clip_size)?;
        Ok(Some(said(checkpoint)))
    }

    /// `error`; where it says that --frames or --size contradicts the checkpoint, with the option that was likely meant.
    fn on_other_clips(&self, error: Error) -> Error {
        let told = [("--frames", self.hints.frames.is_some()), ("--size", self.hints.size.is_some())];
        let contradicts = |flag: &str| error.to_string().starts_with(&format!("{flag} "));
        match told.into_iter().find(|(flag, told)| *told && contradicts(flag)) {
            Some((flag, _)) if error.kind() == ErrorKind::Usage => Error::usage(format!(
                "{error}; to run it on other clips than it was trained on, give {} instead",
                flag.replacen("--", "--clip-", 1)
            )),
            _ => error,
        }
    }

    fn untrained(&self, shape: &str) -> Result<Checkpoint> {
        let checkpoint = checkpoint::untrained(self.hints.of_shape(shape)?, SEED)?;
        let source = format!("{shape}, {}", checkpoint.source);
        Ok(checkpoint.source(source))
    }
}

/// Whether a name is that of a bundled model, and so of no folder.
pub(super) fn is_bundled(name: &str) -> bool {
    checkpoint::bundled_names().any(|known| known == name)
}

fn no_model() -> Error {
    Error::usage(
        "no model: give --model DIR_OR_NAME, of which --model motions is the bundled one, or --untrained SHAPE",
    )
}

fn said(checkpoint: Checkpoint) -> Checkpoint {
    tracing::debug!("{} checkpoint {}: {}", checkpoint.provenance, checkpoint.source, checkpoint.config);
    checkpoint.notes.iter().for_each(|note| output::note(note));
    checkpoint
}

/// Their heading in the help.
const DEVICE: &str = "Device";

/// Names of devices that are the same on every machine.
const DEVICES: [&str; 9] =
    ["fastest", "cpu", "gpu", "hardware", "discrete", "integrated", "virtual", "software", "references"];

/// The names of all variants.
fn variants() -> BTreeSet<&'static str> {
    ALL.iter().flat_map(|family| family.variants()).map(|variant| variant.name).collect()
}

/// Which device, and by which variants of kernels it computes.
#[derive(clap::Args)]
pub(super) struct ChoiceArguments {
    /// An index or a part of a name from `tubelet devices`, or fastest, cpu (this machine's processor, without a driver),
    /// gpu (the fastest that runs WGSL), hardware (the same, but no software device), discrete, integrated, virtual,
    /// software, or references (plain loops in f64: slow, and right).
    #[arg(short, long, env = "TUBELET_DEVICE", hide_env_values = true, default_value = "fastest",
        value_parser = known::<DeviceChoice>(DEVICES), hide_possible_values = true, help_heading = DEVICE)]
    device: DeviceChoice,
    /// Kernel variants instead of the device's own choice: plain for all kernels, or linear=workgroup,attention=plain.
    #[arg(long, value_name = "VARIANTS", default_value = "", hide_default_value = true,
        value_parser = known::<Selection>(variants()), hide_possible_values = true, help_heading = DEVICE)]
    pub(super) variant: Selection,
    /// Threads of the device cpu, instead of as many as the processor runs at once.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = DEVICE)]
    pub(super) threads: Option<usize>,
    /// Hold a device that runs WGSL to what every browser allows: WebGPU's rules, features and default limits.
    #[arg(long, env = "TUBELET_WEBGPU", hide_env_values = true, hide_short_help = true, help_heading = DEVICE)]
    webgpu: bool,
}

/// Which device, and how it computes.
#[derive(clap::Args)]
pub(super) struct DeviceArguments {
    #[command(flatten)]
    choice: ChoiceArguments,
    /// Floats of products: f32; f16_weights, which stores their weights in half the memory and rounds them; or f16, which
    /// rounds what they are multiplied by, too, and queries, keys and values. Sums, softmax and LayerNorm are f32. Only devices
    /// that run WGSL have f16.
    #[arg(long, value_name = "FLOATS", default_value_t, help_heading = DEVICE,
        value_parser = known::<Precision>(Precision::ALL.iter().map(|one| one.name())))]
    precision: Precision,
    /// Multiply by the tiles of workgroups that `tubelet devices --tune` found fastest on the device.
    #[arg(long, hide_short_help = true, help_heading = DEVICE)]
    tuned: bool,
}

impl DeviceArguments {
    /// How kernels run on `device`, which was opened as the arguments say.
    pub(super) fn options(&self, device: &Device) -> ExecutorOptions {
        let variants = self.choice.variant.clone();
        let variants = if self.tuned { tuned::tiled(variants, device) } else { variants };
        ExecutorOptions::new().variants(variants).precision(self.precision)
    }

    /// Opens the device. `checks` are the run-time checks of shaders.
    pub(super) fn open(&self, checks: bool) -> Result<Device> {
        // Only kernels in WGSL have f16.
        self.choice.open(checks, self.precision != Precision::F32)
    }

    /// Opens a device that runs WGSL: the named one, else the fastest, which may be the software device.
    pub(super) fn open_gpu(&self, checks: bool) -> Result<gpu::Gpu> {
        self.choice.open_gpu(checks)
    }

    /// The model on the device, with run-time checks of shaders.
    pub(super) fn load(&self, checkpoint: Checkpoint, preset: Option<Preset>) -> Result<Vivit> {
        let device = self.open(true)?;
        let ExecutorOptions { variants, precision, .. } = self.options(&device);
        let options = LoadOptions::new().preset(preset).variants(variants).precision(precision);
        Vivit::from_checkpoint(&device, checkpoint, options)
    }
}

impl ChoiceArguments {
    /// Opens the device; `wgsl` says that no other than one that runs WGSL will do. `checks` are the run-time checks of
    /// shaders.
    pub(super) fn open(&self, checks: bool, wgsl: bool) -> Result<Device> {
        if wgsl || !self.variant.is_automatic() {
            return self.open_gpu(checks).map(Device::from);
        }
        let device = self.open_choice(self.device.clone(), checks)?;
        if self.device == DeviceChoice::Fastest && device.gpu().is_none() {
            output::note(&format!("no GPU answers: computing on this machine's processor, {}", device.name()));
        }
        Ok(device)
    }

    /// The model on the device, in f32, with run-time checks of shaders.
    pub(super) fn load(&self, checkpoint: Checkpoint) -> Result<Vivit> {
        let options = LoadOptions::new().variants(self.variant.clone());
        Vivit::from_checkpoint(&self.open(true, false)?, checkpoint, options)
    }

    /// Opens a device that runs WGSL: the named one, else the fastest, which may be the software device.
    fn open_gpu(&self, checks: bool) -> Result<gpu::Gpu> {
        let device = self.open_choice(self.gpu_choice(), checks)?;
        device.gpu().cloned().ok_or_else(|| no_wgsl(&device))
    }

    /// Opens the device to measure: the named one, else the fastest that runs WGSL, which may be the software device, else
    /// the processor. `wgsl` says that no other than a device that runs WGSL will do.
    pub(super) fn open_to_measure(&self, checks: bool, wgsl: bool) -> Result<BenchDevice> {
        if wgsl || !self.variant.is_automatic() {
            return self.measured_gpu(checks);
        }
        match (&self.device, cfg!(feature = "cpu")) {
            (DeviceChoice::Host, _) => self.processor(),
            (DeviceChoice::Fastest, true) => match self.measured_gpu(checks) {
                Err(error) if error.kind() == ErrorKind::NoDevice => {
                    output::note(&format!("only this machine's processor is measured: {error}"));
                    self.processor()
                }
                opened => opened,
            },
            _ => self.measured_gpu(checks),
        }
    }

    /// This machine's processor.
    pub(super) fn processor(&self) -> Result<BenchDevice> {
        BenchDevice::open(self.device_options(DeviceChoice::Host, true))
    }

    /// A device that runs WGSL, to check the processor with; `None` where none answers.
    pub(super) fn other_than_processor(&self) -> Option<Device> {
        let fastest = DeviceChoice::Gpu(gpu::GpuChoice::Fastest);
        Device::open(&self.device_options(fastest, true)).ok()
    }

    /// As [`Self::open_gpu`], with what opens it again.
    fn measured_gpu(&self, checks: bool) -> Result<BenchDevice> {
        let opened = BenchDevice::open(self.device_options(self.gpu_choice(), checks))?;
        match opened.device().gpu() {
            Some(_) => Ok(opened),
            None => Err(no_wgsl(opened.device())),
        }
    }

    /// The named device; unless one is named, the fastest that runs WGSL.
    fn gpu_choice(&self) -> DeviceChoice {
        match &self.device {
            DeviceChoice::Fastest => DeviceChoice::Gpu(gpu::GpuChoice::Fastest),
            named => named.clone(),
        }
    }

    fn open_choice(&self, choice: DeviceChoice, checks: bool) -> Result<Device> {
        let device = Device::open(&self.device_options(choice, checks))?;
        tracing::debug!("device {}, run-time checks {}", device.name(), if checks { "on" } else { "off" });
        Ok(device)
    }

    fn device_options(&self, choice: DeviceChoice, checks: bool) -> DeviceOptions {
        DeviceOptions::new().choice(choice).checks(checks).webgpu(self.webgpu).threads(self.threads)
    }
}

fn no_wgsl(device: &Device) -> Error {
    Error::usage(format!(
        "{} runs no kernels in WGSL, for which this asks, as --variant and --precision do; name a device that does",
        device.name()
    ))
}

/// Rows and columns: `224` or `224x320`.
pub(super) fn sides(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(side) => Ok(side),
        Err(_) => Err(format!("\"{text}\" is no number of pixels")),
    };
    match text.split_once('x') {
        None => Ok([side(text)?; 2]),
        Some((rows, columns)) => Ok([side(rows)?, side(columns)?]),
    }
}

/// A number that must be at least 1.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
