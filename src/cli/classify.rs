//! `tubelet classify`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::checkpoint::Family;
use tubelet::tensor::{Error, Result};
use tubelet::{Class, Vivit};

use super::arguments::{DeviceArguments, ModelArguments, load, showing_upload};
use super::clip::{ClipArguments, Decoded, decode, list, sampling_for};
use super::{output, progress};

/// Say what a video shows: the most probable classes, with the time that each step took.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tubelet classify clip.mp4 --model google/vivit-b-16x2-kinetics400
  tubelet classify clip.mp4 --model DIR --top 3 --json
  tubelet classify clip.mp4 --model DIR --uniform --preset hf_default
  tubelet classify clip.mp4 --untrained vit-ti --device software")]
pub(super) struct Classify {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// How many classes to show.
    #[arg(long, default_value_t = 5, value_name = "N")]
    top: usize,
    #[command(flatten)]
    choice: ClipArguments,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    video: String,
    frames: usize,
    indices: Vec<usize>,
    model: String,
    untrained: bool,
    device: String,
    preprocessing: String,
    range: String,
    classes: Vec<Class>,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Seconds {
    decoding: f64,
    loading: f64,
    preparing: f64,
    computing: f64,
}

impl super::Run for Classify {
    fn run(self) -> Result<()> {
        if self.top == 0 {
            return Err(Error::usage("--top 0 asks for no class at all; ask for at least 1"));
        }
        let checkpoint = self.model.checkpoint()?;
        let preprocessing = self.choice.preset_origin(Some(&checkpoint));
        let device = self.device.open(true)?;
        let model = load(checkpoint, &device, self.choice.preset, self.device.variant.clone())?;
        let decoded = decode(&self.video, &sampling_for(&model, &self.choice))?;
        let start = Instant::now();
        let prepared = {
            let _spinner = progress::spinner("preparing");
            model.prepare(&decoded.clip)?
        };
        let preparing = start.elapsed();
        let start = Instant::now();
        let classes = showing_upload(&model, || {
            model.load_weights()?;
            let loading = start.elapsed();
            model.classify_prepared(&prepared).map(|classes| (classes, loading))
        });
        let (classes, loading) = classes?;
        let computing = start.elapsed() - loading;
        let elapsed = [decoded.elapsed, loading, preparing, computing];
        let report = self.report(&model, &decoded, preprocessing, classes.top(self.top), elapsed);
        if self.json { output::print_json(&report) } else { output::print(&describe(&report, &decoded)) }
    }
}

impl Classify {
    fn report(
        &self,
        model: &Vivit,
        decoded: &Decoded,
        preprocessing: String,
        classes: Vec<Class>,
        elapsed: [Duration; 4],
    ) -> Report {
        let [decoding, loading, preparing, computing] = elapsed.map(|elapsed| elapsed.as_secs_f64());
        Report {
            video: self.video.display().to_string(),
            frames: decoded.frames,
            indices: decoded.clip.indices().to_vec(),
            model: model.checkpoint().source.clone(),
            untrained: model.checkpoint().family == Family::Untrained,
            device: model.device().capabilities().name.clone(),
            preprocessing,
            range: model.preprocessing().range(),
            classes,
            seconds: Seconds { decoding, loading, preparing, computing },
        }
    }
}

fn describe(report: &Report, decoded: &Decoded) -> String {
    let video = &decoded.information;
    let rate =
        video.frames_per_second.map_or(String::new(), |rate| format!(", {} frames/s", output::three_digits(rate)));
    let mut lines = vec![
        format!("{}: {} frames of {}×{}{rate}", report.video, report.frames, video.width, video.height),
        format!("{} frames: {}", report.indices.len(), list(&report.indices)),
        format!("{}{}", report.model, if report.untrained { ": UNTRAINED, the classes mean nothing" } else { "" }),
        format!("values in {} ({})", report.range, report.preprocessing),
        String::new(),
    ];
    for class in &report.classes {
        lines.push(format!(
            "{:5.1} %  {}  {}",
            100.0 * class.probability,
            output::bar(class.probability, 30),
            class.name
        ));
    }
    let Seconds { decoding, loading, preparing, computing } = report.seconds;
    let time = |seconds: f64| output::seconds(Duration::from_secs_f64(seconds));
    lines.push(String::new());
    lines.push(format!(
        "decoding {}, preparing {}, loading weights {}, computing {} on {}",
        time(decoding),
        time(preparing),
        time(loading),
        time(computing),
        report.device
    ));
    lines.join("\n")
}
