//! Arguments that several subcommands share.

use clap::ValueEnum;
use std::path::Path;

use tubelet::checkpoint::{self, Checkpoint};
use tubelet::gpu::{Choice, Device, DeviceOptions};
use tubelet::kernels::Selection;
use tubelet::tensor::{Error, Result};
use tubelet::vivit::Config;

use super::{output, progress};

/// Which model.
#[derive(clap::Args)]
pub(super) struct ModelArguments {
    /// A folder with config.json and model.safetensors, or a name on the Hugging Face hub (NAME@REVISION for another
    /// revision than main).
    #[arg(short, long, value_name = "DIR_OR_NAME")]
    model: Option<String>,
    /// Random weights in a named shape, to try everything without a download: vit-ti, vit-s, vit-b, vit-l, vit-h, or
    /// with another tubelet, vit-b/16x4. Its predictions mean nothing.
    #[arg(long, value_name = "SHAPE", conflicts_with = "model")]
    untrained: Option<String>,
}

/// The seed of untrained weights: the same numbers everywhere.
const SEED: u64 = 0;

impl ModelArguments {
    /// The checkpoint, with what its user should know said on stderr.
    pub(super) fn load(&self) -> Result<Checkpoint> {
        self.load_or_none()?.ok_or_else(|| {
            Error::usage("no model: give --model DIR_OR_NAME, or try without one with --untrained vit-ti")
        })
    }

    /// The model's folder, where it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.model.as_deref().map(Path::new)
    }

    /// As [`Self::load`], with an untrained model of this shape where none was asked for.
    pub(super) fn load_or_untrained(&self, shape: &str) -> Result<Checkpoint> {
        let checkpoint = self.load_or_none()?;
        checkpoint.map_or_else(|| Ok(said(untrained(shape)?)), Ok)
    }

    /// As [`Self::load`]; `None` where no model was asked for.
    pub(super) fn load_or_none(&self) -> Result<Option<Checkpoint>> {
        let checkpoint = match (&self.model, &self.untrained) {
            (Some(model), _) => {
                let _spinner = progress::spinner("loading checkpoint");
                checkpoint::load(model)?
            }
            (None, Some(shape)) => untrained(shape)?,
            (None, None) => return Ok(None),
        };
        Ok(Some(said(checkpoint)))
    }
}

fn untrained(shape: &str) -> Result<Checkpoint> {
    let checkpoint = checkpoint::untrained(Config::named(shape)?, SEED)?;
    Ok(Checkpoint { source: format!("{shape}, {}", checkpoint.source), ..checkpoint })
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
}

/// What computes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorChoice {
    Gpu,
    Reference,
}

/// A number of things, of which there must be some.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
