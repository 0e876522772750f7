//! `tubelet clip`.

use std::path::PathBuf;

use serde::Serialize;
use tubelet::checkpoint::{Checkpoint, Hints};
use tubelet::engine;
use tubelet::graph::Device;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Result, Tensor};
use tubelet::video::{Clip, Preparer, Preprocessing, Preset};

use super::arguments::{ChoiceArguments, ModelArguments};
use super::preamble::Preamble;
use super::video::{VideoArguments, frames, origin};
use super::{files, output, progress};

/// Write the tensor that `classify` would feed a model with, as .npy
#[derive(clap::Args)]
#[command(after_help = "\
The tensor is f32: [1,T,C,H,W], or [1,T,H,W,C] for a model of scenic and, without a model, for preset scenic. Without a \
model it has --frames frames of --size pixels, 32 of 224 unless told otherwise; the short edge is resized to ⌊256·SIZE/224⌋ \
before cropping.

Examples:
  tubelet clip clip.mp4 --output clip.npy
  tubelet clip clip.mp4 -o clip.npy --frames 16 --size 160 --preset scenic
  tubelet clip frames/ -o clip.npy --uniform
  tubelet clip clip.mp4 -o clip.npy --model google/vivit-b-16x2-kinetics400")]
pub(super) struct ClipCommand {
    /// The file to write.
    #[arg(short, long, value_name = "CLIP.npy")]
    output: PathBuf,
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    #[command(flatten)]
    reading: VideoArguments,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: ChoiceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    output: String,
    shape: Vec<usize>,
    indices: Vec<usize>,
    range: String,
}

impl super::Run for ClipCommand {
    fn run(self) -> Result<()> {
        files::check_output(&self.output, &["npy"], &[&self.video])?;
        let source = self.reading.open(&self.video)?;
        let checkpoint = self.model.load_or_none()?;
        let Target { frames, preprocessing, layout } = self.target(checkpoint.as_ref())?;
        let origin = origin(self.reading.preset, checkpoint.as_ref(), &preprocessing);
        let device = self.device.open(true, false)?;
        let reading = checkpoint.as_ref().map_or(self.reading.clone(), |checkpoint| self.reading.of_model(checkpoint));
        let decoded = reading.decode(&self.video, source, frames, None)?;
        let tensor = self.prepare(&device, &decoded.clips[0], &preprocessing, layout)?;
        files::write_npy(&self.output, &tensor)?;
        let preamble = Preamble::new("clip").video(decoded.report()).preprocessing(origin);
        let mut preamble = checkpoint.iter().fold(preamble, Preamble::checkpoint);
        preamble.device = Some(device.name().to_owned());
        let report = Report {
            preamble,
            output: self.output.display().to_string(),
            shape: tensor.shape().axes().to_vec(),
            indices: decoded.indices(),
            range: preprocessing.range(),
        };
        output::report(self.json, &report, describe)
    }
}

/// Frames of a clip and sides of a frame where neither a model nor the user says.
const FRAMES: usize = 32;
const SIZE: usize = 224;

/// What a clip is to become.
struct Target {
    frames: usize,
    preprocessing: Preprocessing,
    layout: ClipLayout,
}

impl ClipCommand {
    /// As the model wants it, else as the arguments say.
    fn target(&self, checkpoint: Option<&Checkpoint>) -> Result<Target> {
        if let Some(checkpoint) = checkpoint {
            engine::check_video(&checkpoint.config)?;
            return Ok(Target {
                frames: checkpoint.config.frames,
                preprocessing: engine::preprocessing(checkpoint, self.reading.preset)?,
                layout: checkpoint.provenance.layout(),
            });
        }
        let preset = self.reading.preset.unwrap_or(Preset::HfCorrected);
        let layout = if preset == Preset::Scenic { ClipLayout::Bthwc } else { ClipLayout::Btchw };
        let Hints { frames, size, .. } = self.model.hints();
        let preprocessing = preset.preprocessing(size.unwrap_or([SIZE; 2]))?;
        Ok(Target { frames: frames.unwrap_or(FRAMES), preprocessing, layout })
    }

    /// The clip's tensor.
    fn prepare(
        &self,
        device: &Device,
        clip: &Clip,
        preprocessing: &Preprocessing,
        layout: ClipLayout,
    ) -> Result<Tensor> {
        let _spinner = progress::spinner("preparing");
        let preparer = Preparer::new(device, clip, preprocessing, layout, &self.device.variant).wait()?;
        preparer.prepare(clip).wait()?.read(device).wait()
    }
}

fn describe(report: &Report) -> String {
    let Report { preamble, output, shape, indices, range } = report;
    let mut facts = preamble.facts(Some(frames(indices)), Some(range));
    facts.push(("written", format!("{output}\n{shape:?} of f32")));
    output::facts(&facts)
}
