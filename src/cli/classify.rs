//! `tubelet classify`.

use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::checkpoint::Family;
use tubelet::engine;
use tubelet::tensor::Result;
use tubelet::video::PreparedClip;
use tubelet::vivit::FrameMask;
use tubelet::{Class, Classes, LoadOptions, Vivit};

use super::arguments::{DeviceArguments, ModelArguments, at_least_one};
use super::mask::MaskArguments;
use super::video::{VideoArguments, VideoReport, frames};
use super::{output, progress};

/// Say what a video shows: the most probable classes
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet classify [OPTIONS] --model <DIR_OR_NAME> <VIDEO>",
    after_help = "\
The times: decoding frames, preparing them as the model's input, loading weights onto the device, computing. The last \
includes the driver's own compilation of shaders, which it may keep for the next time.

Examples:
  tubelet classify clip.mp4 --model google/vivit-b-16x2-kinetics400
  tubelet classify clip.mp4 --model DIR --top 3 --json
  tubelet classify clip.mp4 --model DIR --uniform --preset hf_default
  tubelet classify frames/ --model DIR --frames-from 100 --stride 1
  tubelet classify clip.mp4 --untrained vit-ti --device software"
)]
pub(super) struct Classify {
    #[command(flatten)]
    video: VideoArguments,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    mask: MaskArguments,
    /// How many classes to show.
    #[arg(long, default_value = "5", value_name = "N", value_parser = at_least_one)]
    top: usize,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    video: VideoReport,
    indices: Vec<usize>,
    shape: Vec<usize>,
    preprocessing: String,
    range: String,
    model: String,
    untrained: bool,
    device: String,
    classes: Vec<Class>,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Seconds {
    decoding: f64,
    preparing: f64,
    loading: f64,
    computing: f64,
}

impl super::Run for Classify {
    fn run(self) -> Result<()> {
        let source = self.video.open()?;
        let checkpoint = self.model.load()?;
        engine::check_video(&checkpoint.config)?;
        let mask = self.mask.mask(1, checkpoint.config.frames)?;
        let device = self.device.open(true)?;
        let options = LoadOptions { preset: self.video.preset, variants: self.device.variant.clone() };
        let model = Vivit::from_checkpoint(&device, checkpoint, options)?;
        let preprocessing = self.video.origin(Some(model.checkpoint()), model.preprocessing());
        let decoded = self.video.decode(source, model.config().frames)?;
        let start = Instant::now();
        let prepared = {
            let _spinner = progress::spinner("preparing");
            model.prepare(&decoded.clip)?
        };
        let preparing = start.elapsed();
        let (classes, [loading, computing]) = classify(&model, &prepared, &mask)?;
        let seconds = |elapsed: Duration| elapsed.as_secs_f64();
        let report = Report {
            video: decoded.report(&self.video),
            indices: decoded.clip.indices().to_vec(),
            shape: prepared.shape().axes().to_vec(),
            preprocessing,
            range: model.preprocessing().range(),
            model: model.checkpoint().source.clone(),
            untrained: model.checkpoint().family == Family::Untrained,
            device: device.capabilities().name.clone(),
            classes: classes.top(self.top),
            seconds: Seconds {
                decoding: seconds(decoded.elapsed),
                preparing: seconds(preparing),
                loading: seconds(loading),
                computing: seconds(computing),
            },
        };
        output::report(self.json, &report, describe)
    }
}

/// The classes of a clip, and how long it took to load the weights and to compute.
fn classify(model: &Vivit, clip: &PreparedClip, mask: &FrameMask) -> Result<(Classes, [Duration; 2])> {
    progress::showing_upload(model, || {
        let start = Instant::now();
        model.load_weights()?;
        let loaded = start.elapsed();
        let classes = model.classify_prepared(clip, mask)?;
        Ok((classes, [loaded, start.elapsed() - loaded]))
    })
}

fn describe(report: &Report) -> String {
    let Report { video, indices, preprocessing, range, model, untrained, device, classes, seconds, .. } = report;
    let Seconds { decoding, preparing, loading, computing } = *seconds;
    let time = |seconds: f64| output::seconds(Duration::from_secs_f64(seconds));
    let facts = output::fields([
        ("video", video.describe()),
        ("clip", frames(indices)),
        ("values", format!("{range}, by {preprocessing}")),
        ("model", format!("{model}{}", if *untrained { ": PREDICTIONS MEAN NOTHING" } else { "" })),
        ("device", device.clone()),
        (
            "time",
            format!(
                "decoding {}, preparing {}, loading {}, computing {}",
                time(decoding),
                time(preparing),
                time(loading),
                time(computing)
            ),
        ),
    ]);
    let line = |Class { probability, name, .. }: &Class| {
        format!("{:5.1} %  {}  {name}", 100.0 * probability, output::bar(*probability, BAR))
    };
    format!("{facts}\n\n{}", classes.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Characters of a bar for probability 1.
const BAR: usize = 30;
