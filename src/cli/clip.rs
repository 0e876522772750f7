//! `tubelet clip`, and what it shares with `tubelet classify`: from a video to a model's input.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::checkpoint::Checkpoint;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Error, Result};
use tubelet::video::{self, Clip, DEFAULT_STRIDE, Preparer, Preprocessing, Preset, Sampling};
use tubelet::{Vivit, engine};

use super::arguments::{DeviceArguments, ModelArguments};
use super::{files, output, progress};

/// Write the tensor that `classify` would feed a model with, as .npy.
///
/// f32, [1,T,C,H,W] for the hf presets and [1,T,H,W,C] for scenic.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tubelet clip clip.mp4 --output clip.npy
  tubelet clip clip.mp4 --output clip.npy --frames 16 --size 160 --preset scenic
  tubelet clip frames/ --output clip.npy --uniform
  tubelet clip clip.mp4 --output clip.npy --model google/vivit-b-16x2-kinetics400")]
pub(super) struct ClipCommand {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "CLIP.npy")]
    output: PathBuf,
    /// Prepare the clip for this model.
    #[arg(short, long, value_name = "DIR_OR_NAME", conflicts_with = "untrained")]
    model: Option<String>,
    /// Prepare the clip for a model of this named shape.
    #[arg(long, value_name = "SHAPE")]
    untrained: Option<String>,
    /// Frames of the clip, without a model.
    #[arg(long, default_value_t = 32, conflicts_with_all = ["model", "untrained"])]
    frames: usize,
    /// Side of the square clip in pixels, without a model. The short edge is resized to ⌊256·SIZE/224⌋ before cropping.
    #[arg(long, default_value_t = 224, conflicts_with_all = ["model", "untrained"])]
    size: usize,
    #[command(flatten)]
    choice: ClipArguments,
    /// What computes it: gpu, or reference (plain loops on the host, without a device).
    #[arg(long, default_value = "gpu")]
    executor: super::forward::ExecutorChoice,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which frames, and how they become values.
#[derive(clap::Args)]
pub(super) struct ClipArguments {
    /// How frames become values: scenic or hf_corrected ([-1, 1], as trained), hf_default ([-3, 1], Hugging Face's
    /// default). Without it: the model's own preprocessor file, else its family's way.
    #[arg(long, value_name = "PRESET")]
    pub(super) preset: Option<Preset>,
    /// Take the clip from this frame on instead of from the middle.
    #[arg(long, value_name = "START", conflicts_with = "uniform")]
    frames_from: Option<usize>,
    /// Take every Nth frame.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_STRIDE, conflicts_with = "uniform")]
    stride: usize,
    /// Spread the frames evenly over the whole video.
    #[arg(long)]
    uniform: bool,
}

impl ClipArguments {
    /// The sampling of `frames` frames that was asked for.
    pub(super) fn sampling(&self, frames: usize) -> Sampling {
        match (self.uniform, self.frames_from) {
            (true, _) => Sampling::Uniform { frames },
            (false, Some(start)) => Sampling::From { frames, stride: self.stride, start },
            (false, None) => Sampling::Central { frames, stride: self.stride },
        }
    }

    /// Where the way of preparing came from, for people.
    pub(super) fn preset_origin(&self, checkpoint: Option<&Checkpoint>) -> String {
        match (self.preset, checkpoint.and_then(|checkpoint| checkpoint.preprocessor.as_ref())) {
            (Some(preset), _) => format!("preset {preset}"),
            (None, Some(_)) => "the model's preprocessor_config.json".to_owned(),
            (None, None) => format!("preset {}", Preset::HfCorrected),
        }
    }
}

/// A decoded clip and how long that took.
pub(super) struct Decoded {
    pub(super) clip: Clip,
    pub(super) information: video::Information,
    pub(super) frames: usize,
    pub(super) elapsed: Duration,
}

/// Decodes the frames that `sampling` takes from the video at `path`.
pub(super) fn decode(path: &std::path::Path, sampling: &Sampling) -> Result<Decoded> {
    let start = Instant::now();
    let spinner = progress::spinner("opening video");
    let mut source = video::open(path)?;
    let frames = source.frame_count()?;
    spinner.finish_and_clear();
    let bar = progress::bar(sampling.frames() as u64, "decoding");
    let clip = Clip::read(&mut *source, sampling, &mut |_| bar.inc(1))?;
    bar.finish_and_clear();
    let information = source.information().clone();
    if information.rotation != 0 {
        let degrees = information.rotation;
        output::note(&format!("players turn this video by {degrees}°; the model sees it unturned, as in training"));
    }
    Ok(Decoded { clip, information, frames, elapsed: start.elapsed() })
}

#[derive(Serialize)]
struct Report<'a> {
    video: String,
    output: String,
    shape: &'a [usize],
    indices: &'a [usize],
    preprocessing: String,
    range: String,
}

impl super::Run for ClipCommand {
    fn run(self) -> Result<()> {
        files::check_extension(&self.output, "npy")?;
        let checkpoint = match (&self.model, &self.untrained) {
            (None, None) => None,
            (model, untrained) => {
                Some(ModelArguments { model: model.clone(), untrained: untrained.clone() }.checkpoint()?)
            }
        };
        let (frames, preprocessing) = self.target(checkpoint.as_ref())?;
        let layout = match (self.choice.preset, &checkpoint) {
            (Some(preset), _) => layout_of(preset),
            (None, Some(checkpoint)) => engine::layout(checkpoint.family),
            (None, None) => ClipLayout::Btchw,
        };
        let Decoded { clip, .. } = decode(&self.video, &self.choice.sampling(frames))?;
        let tensor = match self.executor {
            super::forward::ExecutorChoice::Reference => video::prepare_reference(&clip, &preprocessing, layout)?,
            super::forward::ExecutorChoice::Gpu => {
                let device = self.device.open(true)?;
                let mut preparer = Preparer::new(&device, &clip, &preprocessing, layout, &self.device.variant)?;
                preparer.prepare(&clip)?.read(&device)?
            }
        };
        files::write_npy(&self.output, &tensor)?;
        let report = Report {
            video: self.video.display().to_string(),
            output: self.output.display().to_string(),
            shape: tensor.shape().axes(),
            indices: clip.indices(),
            preprocessing: self.choice.preset_origin(checkpoint.as_ref()),
            range: preprocessing.range(),
        };
        if self.json {
            return output::print_json(&report);
        }
        output::print(&format!(
            "{}: {} of f32 in {} ({})\nframes {}",
            report.output,
            tensor.shape(),
            report.range,
            report.preprocessing,
            list(report.indices)
        ))
    }
}

impl ClipCommand {
    /// The number of frames and how they are prepared: the model's, else what the arguments say.
    fn target(&self, checkpoint: Option<&Checkpoint>) -> Result<(usize, Preprocessing)> {
        match checkpoint {
            Some(checkpoint) => Ok((checkpoint.config.frames, engine::preprocessing(checkpoint, self.choice.preset)?)),
            None if self.frames == 0 || self.size == 0 => {
                Err(Error::usage(format!("a clip of {} frames of {} pixels is empty", self.frames, self.size)))
            }
            None => {
                let preset = self.choice.preset.unwrap_or(Preset::HfCorrected);
                Ok((self.frames, preset.preprocessing([self.size, self.size])?))
            }
        }
    }
}

/// The order of axes of the family that a preset belongs to.
fn layout_of(preset: Preset) -> ClipLayout {
    match preset {
        Preset::Scenic => ClipLayout::Bthwc,
        Preset::HfCorrected | Preset::HfDefault => ClipLayout::Btchw,
    }
}

/// Frame indices as runs: `34, 36, … 96` where they are evenly spaced.
pub(super) fn list(indices: &[usize]) -> String {
    let step = |pair: &[usize]| pair[1].checked_sub(pair[0]);
    let even = indices.len() > 4 && indices.windows(2).all(|pair| step(pair) == step(&indices[..2]));
    match indices {
        [first, second, .., last] if even => format!("{first}, {second}, … {last}"),
        _ => indices.iter().map(usize::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// The model's own sampling unless arguments say otherwise.
pub(super) fn sampling_for(model: &Vivit, choice: &ClipArguments) -> Sampling {
    choice.sampling(model.config().frames)
}
