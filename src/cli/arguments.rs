//! Arguments that several subcommands share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tubelet::checkpoint::{self, Checkpoint, Family};
use tubelet::gpu::{Choice, Device, DeviceOptions};
use tubelet::kernels::Selection;
use tubelet::tensor::Result;
use tubelet::vivit::Config;
use tubelet::{LoadOptions, Preset, Vivit};

use super::{output, progress};

/// Which model.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct ModelArguments {
    /// A folder with config.json and model.safetensors, or a name on the Hugging Face hub (NAME@REVISION for another
    /// revision than main).
    #[arg(short, long, value_name = "DIR_OR_NAME")]
    pub(super) model: Option<String>,
    /// Random weights in a named shape: vit-ti, vit-s, vit-b, vit-l, vit-h, or with another tubelet vit-b/16x4. To try
    /// everything without a download; what it answers means nothing.
    #[arg(long, value_name = "SHAPE")]
    pub(super) untrained: Option<String>,
}

/// The seed of untrained weights: the same numbers everywhere.
const SEED: u64 = 0;

impl ModelArguments {
    /// The checkpoint, with what its user should know said on stderr.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        let checkpoint = match (&self.model, &self.untrained) {
            (Some(model), _) => {
                let _spinner = progress::spinner("loading checkpoint");
                checkpoint::load(model)?
            }
            (None, shape) => checkpoint::untrained(Config::named(shape.as_deref().unwrap_or("vit-b"))?, SEED)?,
        };
        if checkpoint.family == Family::Untrained {
            output::note("UNTRAINED MODEL: its weights are random numbers; the classes mean nothing");
        }
        checkpoint.notes.iter().for_each(|note| output::note(note));
        Ok(checkpoint)
    }
}

/// Which device, and how it is used.
#[derive(clap::Args)]
pub(super) struct DeviceArguments {
    /// The device: an index or a part of a name from `tubelet devices`, or discrete, integrated, virtual, software.
    #[arg(short, long, env = "TUBELET_DEVICE", default_value = "fastest", value_name = "DEVICE")]
    device: Choice,
    /// Kernel variants instead of the device's own choice: plain, or linear=workgroup,attention=plain.
    #[arg(long, value_name = "VARIANTS", default_value = "", hide_default_value = true)]
    pub(super) variant: Selection,
}

impl DeviceArguments {
    /// Opens the device. `checks` are the run-time checks of shaders.
    pub(super) fn open(&self, checks: bool) -> Result<Device> {
        Device::open(&DeviceOptions { choice: self.choice(), checks })
    }

    fn choice(&self) -> Choice {
        self.device.clone()
    }
}

/// The model on the device, ready to run.
pub(super) fn load(
    checkpoint: Checkpoint,
    device: &Device,
    preset: Option<Preset>,
    variants: Selection,
) -> Result<Vivit> {
    Vivit::from_checkpoint(device, checkpoint, LoadOptions { preset, variants })
}

/// Does `work`, which uploads a model's weights on the way, and shows how far it is.
pub(super) fn showing_upload<T>(model: &Vivit, work: impl FnOnce() -> T) -> T {
    let total: u64 = model.config().parameters().iter().map(|parameter| 4 * parameter.shape.elements() as u64).sum();
    let done = Arc::new(AtomicBool::new(false));
    let (weights, over) = (model.weights().clone(), done.clone());
    let watcher = std::thread::spawn(move || {
        let bar = progress::bytes(total, "loading weights");
        while !over.load(Ordering::Relaxed) && weights.bytes() < total {
            bar.set_position(weights.bytes().min(total));
            std::thread::sleep(Duration::from_millis(80));
        }
        bar.finish_and_clear();
        let spinner = progress::spinner("computing");
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(40));
        }
        spinner.finish_and_clear();
    });
    let value = work();
    done.store(true, Ordering::Relaxed);
    let _ = watcher.join();
    value
}
