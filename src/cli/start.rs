//! How the commands that run a model on videos begin: what they share from their arguments to a model on its device.

use std::path::Path;

use tubelet::checkpoint::Checkpoint;
use tubelet::tensor::Result;
use tubelet::video::Preset;
use tubelet::{Pass, Views, Vivit, engine};

use super::arguments::{DeviceArguments, ModelArguments};
use super::mask::MaskArguments;
use super::preamble::Preamble;
use super::video::{self, Decoded, VideoArguments};

/// How videos are read, which model sees them, what of them it sees, and where it runs.
#[derive(clap::Args)]
pub(super) struct StartArguments {
    #[command(flatten)]
    pub(super) video: VideoArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    #[command(flatten)]
    pub(super) mask: MaskArguments,
    #[command(flatten)]
    pub(super) device: DeviceArguments,
}

impl StartArguments {
    /// The model on its device.
    pub(super) fn start(&self) -> Result<Started> {
        Started::new(self.model.load()?, self.video.preset, &self.mask, &self.device)
    }

    /// As [`Self::start`], on clips of `frames` frames whatever the model was trained on.
    pub(super) fn start_on(&self, frames: usize) -> Result<Started> {
        Started::new(self.model.load_on(frames)?, self.video.preset, &self.mask, &self.device)
    }

    /// The model on its device and the clips of one video, which is opened first: that finds most of what can be wrong
    /// with it before anything is loaded.
    pub(super) fn start_with(&self, video: &Path, views: Option<Views>) -> Result<(Started, Decoded)> {
        let source = self.video.open(video)?;
        let started = self.start()?;
        let reading = self.video.of_model(started.model.checkpoint());
        let decoded = reading.decode(video, source, started.model.config().frames, views)?;
        Ok((started, decoded))
    }
}

/// A model on its device, ready for videos.
pub(super) struct Started {
    pub(super) model: Vivit,
    /// What of each clip is seen.
    pub(super) pass: Pass,
    /// What decided how frames become values.
    pub(super) preprocessing: String,
}

impl Started {
    /// Errors where the model takes no videos or the mask does not fit its clips come before the device is opened.
    pub(super) fn new(
        checkpoint: Checkpoint,
        preset: Option<Preset>,
        mask: &MaskArguments,
        device: &DeviceArguments,
    ) -> Result<Self> {
        engine::check_video(&checkpoint.config)?;
        let mask = mask.mask(1, checkpoint.config.frames)?;
        mask.validity(&checkpoint.config, 1)?;
        let model = device.load(checkpoint, preset)?;
        let preprocessing = video::origin(preset, Some(model.checkpoint()), model.preprocessing());
        Ok(Self { model, pass: Pass::new().mask(mask), preprocessing })
    }

    /// What a report of `command` begins with.
    pub(super) fn preamble(&self, command: &'static str) -> Preamble {
        Preamble::new(command).model(&self.model).preprocessing(&*self.preprocessing)
    }
}
