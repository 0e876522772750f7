//! Arguments that several subcommands share.

use clap::ValueEnum;
use std::path::Path;

use tubelet::checkpoint::{self, Checkpoint, Hints, Hub};
use tubelet::gpu::{Choice, Device, DeviceOptions};
use tubelet::kernels::Selection;
use tubelet::tensor::{Error, Result};
use tubelet::video::Preset;
use tubelet::vivit::{Classifier, Config, FactorisedDotProduct, FactorisedSelfAttention, HeadOrder, Model, Order};
use tubelet::{LoadOptions, Vivit};

use super::{output, progress};

/// Which model.
#[derive(clap::Args)]
pub(super) struct ModelArguments {
    /// A folder or file of weights, of the transformers library, of scenic or of this program, or a name on the Hugging
    /// Face hub (NAME@REVISION for another revision than main).
    #[arg(short, long, value_name = "DIR_OR_NAME")]
    model: Option<String>,
    /// Random weights in a named shape, to try everything without a download: vit-ti, vit-s, vit-b, vit-l, vit-h, or
    /// with another tubelet, vit-b/16x4. Its predictions mean nothing.
    #[arg(long, value_name = "SHAPE", conflicts_with = "model")]
    untrained: Option<String>,
    #[command(flatten)]
    hints: HintArguments,
    #[command(flatten)]
    clips: ClipArguments,
}

/// Where these stand in the help.
const HINTS: &str = "What the model's files may not say";

/// What a model's files may leave open.
#[derive(clap::Args)]
pub(super) struct HintArguments {
    /// joint (1), factorised-encoder (2), factorised-self-attention (3) or factorised-dot-product (4); with --untrained,
    /// which to make.
    #[arg(long, value_name = "MODEL", help_heading = HINTS)]
    kind: Option<Model>,
    /// Frames of a clip, as in training.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = HINTS)]
    frames: Option<usize>,
    /// Sides of a frame in pixels, as in training: 224, or 224x320 (rows x columns).
    #[arg(long, value_name = "SIZE", value_parser = sides, help_heading = HINTS)]
    size: Option<[usize; 2]>,
    /// Which attention comes first in Model 3.
    #[arg(long, help_heading = HINTS)]
    order: Option<OrderChoice>,
    /// How the output becomes one vector.
    #[arg(long, help_heading = HINTS)]
    classifier: Option<ClassifierChoice>,
    /// Which half of Model 4's heads attends over time.
    #[arg(long, help_heading = HINTS)]
    heads: Option<HeadChoice>,
}

impl HintArguments {
    pub(super) fn hints(&self) -> Hints {
        Hints {
            kind: self.kind,
            frames: self.frames,
            size: self.size,
            order: self.order.map(OrderChoice::order),
            classifier: self.classifier.map(ClassifierChoice::classifier),
            heads: self.heads.map(HeadChoice::heads),
        }
    }

    /// The named shape, in as far as it is not told otherwise.
    fn of_shape(&self, shape: &str) -> Result<Config> {
        let mut config = Config::named(shape)?;
        if let Some(model) = self.kind {
            config = config.as_model(match model {
                Model::FactorisedSelfAttention(model) => {
                    let order = self.order.map_or(model.order, OrderChoice::order);
                    FactorisedSelfAttention { order }.into()
                }
                Model::FactorisedDotProduct(model) => {
                    let heads = self.heads.map_or(model.heads, HeadChoice::heads);
                    FactorisedDotProduct { heads }.into()
                }
                model => model,
            });
        }
        let [rows, columns] = self.size.unwrap_or([config.rows, config.columns]);
        let classifier = self.classifier.map_or(config.classifier, ClassifierChoice::classifier);
        Ok(Config { frames: self.frames.unwrap_or(config.frames), rows, columns, classifier, ..config })
    }
}

/// Where these stand in the help.
const OTHER_CLIPS: &str = "Clips of another size than in training";

/// Clips that are not as in training.
#[derive(clap::Args)]
struct ClipArguments {
    /// Frames of a clip; the positions are interpolated over time.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = OTHER_CLIPS)]
    clip_frames: Option<usize>,
    /// Sides of a frame in pixels, 288 or 224x320 (rows x columns); the positions are interpolated over space.
    #[arg(long, value_name = "SIZE", value_parser = sides, help_heading = OTHER_CLIPS)]
    clip_size: Option<[usize; 2]>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum OrderChoice {
    SpaceTime,
    TimeSpace,
}

impl OrderChoice {
    fn order(self) -> Order {
        match self {
            Self::SpaceTime => Order::SpaceTime,
            Self::TimeSpace => Order::TimeSpace,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum HeadChoice {
    TemporalFirst,
    SpatialFirst,
}

impl HeadChoice {
    fn heads(self) -> HeadOrder {
        match self {
            Self::TemporalFirst => HeadOrder::TemporalFirst,
            Self::SpatialFirst => HeadOrder::SpatialFirst,
        }
    }
}

/// How the output becomes one vector.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ClassifierChoice {
    Token,
    FirstToken,
    Mean,
    Max,
    Sum,
}

impl ClassifierChoice {
    pub(super) fn classifier(self) -> Classifier {
        match self {
            Self::Token => Classifier::Token,
            Self::FirstToken => Classifier::FirstToken,
            Self::Mean => Classifier::Mean,
            Self::Max => Classifier::Max,
            Self::Sum => Classifier::Sum,
        }
    }
}

/// The seed of untrained weights: the same numbers everywhere.
const SEED: u64 = 0;

impl ModelArguments {
    /// The checkpoint, with what its user should know said on stderr.
    pub(super) fn load(&self) -> Result<Checkpoint> {
        self.load_or_none()?.ok_or_else(no_model)
    }

    /// What the user tells of the model.
    pub(super) fn hints(&self) -> Hints {
        self.hints.hints()
    }

    /// The model's folder, where it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.model.as_deref().map(Path::new)
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
        let checkpoint = match (&self.model, &self.untrained) {
            (Some(model), _) => {
                let _spinner = progress::spinner("loading checkpoint");
                checkpoint::load_hinted(model, &Hub::from_env(), &self.hints.hints())?
            }
            (None, Some(shape)) => self.untrained(shape)?,
            (None, None) => return Ok(None),
        };
        let checkpoint = checkpoint.on_clips(frames, self.clips.clip_size)?;
        Ok(Some(said(checkpoint)))
    }

    fn untrained(&self, shape: &str) -> Result<Checkpoint> {
        let checkpoint = checkpoint::untrained(self.hints.of_shape(shape)?, SEED)?;
        Ok(Checkpoint { source: format!("{shape}, {}", checkpoint.source), ..checkpoint })
    }
}

fn no_model() -> Error {
    Error::usage("no model: give --model DIR_OR_NAME, or try without one with --untrained vit-ti")
}

fn said(checkpoint: Checkpoint) -> Checkpoint {
    tracing::debug!("{} checkpoint {}: {}", checkpoint.family, checkpoint.source, checkpoint.config);
    checkpoint.notes.iter().for_each(|note| output::note(note));
    checkpoint
}

/// Which device, and how it is used.
#[derive(clap::Args)]
pub(super) struct DeviceArguments {
    /// An index or a part of a name from `tubelet devices`, or fastest, discrete, integrated, virtual, software.
    #[arg(short, long, env = "TUBELET_DEVICE", hide_env_values = true, default_value = "fastest")]
    device: Choice,
    /// Kernel variants instead of the device's own choice: plain for all kernels, or linear=workgroup,attention=plain.
    #[arg(long, value_name = "VARIANTS", default_value = "", hide_default_value = true)]
    pub(super) variant: Selection,
}

impl DeviceArguments {
    /// Opens the device. `checks` are the run-time checks of shaders.
    pub(super) fn open(&self, checks: bool) -> Result<Device> {
        let device = Device::open(&DeviceOptions { choice: self.device.clone(), checks })?;
        tracing::debug!("device {}, run-time checks {}", device.capabilities().name, if checks { "on" } else { "off" });
        Ok(device)
    }

    /// The model on the device, with run-time checks of shaders.
    pub(super) fn load(&self, checkpoint: Checkpoint, preset: Option<Preset>) -> Result<Vivit> {
        let options = LoadOptions { preset, variants: self.variant.clone() };
        Vivit::from_checkpoint(&self.open(true)?, checkpoint, options)
    }
}

/// What computes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorChoice {
    Gpu,
    Reference,
}

/// Rows and columns: `224` or `224x320`.
pub(super) fn sides(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(side) => Ok(side),
        Err(_) => Err(format!("{text:?} is no number of pixels")),
    };
    match text.split_once('x') {
        None => Ok([side(text)?; 2]),
        Some((rows, columns)) => Ok([side(rows)?, side(columns)?]),
    }
}

/// A number of things, of which there must be some.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
