//! `tubelet classify`.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use tubelet::checkpoint::Family;
use tubelet::tensor::Result;
use tubelet::video::Clip;
use tubelet::vivit::{self, FrameMask, Request};
use tubelet::{Average, Class, Classes, Views, Vivit};

use super::arguments::at_least_one;
use super::sliding::{Showing, SlidingArguments};
use super::start::{StartArguments, Started};
use super::times::{Seconds, Times};
use super::video::{VideoReport, frames, name, views_of};
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
  tubelet classify clip.mp4 --model DIR --views 4x3
  tubelet classify film.mp4 --model DIR --sliding 32 --step 16 --plot film.svg
  ffmpeg -i rtsp://CAMERA -pix_fmt yuv420p -f yuv4mpegpipe - | \
    tubelet classify - --model DIR --sliding 32 --json
  tubelet classify frames/ --model DIR --frames-from 100 --stride 1
  tubelet classify clip.mp4 --untrained vit-ti --device software"
)]
pub(super) struct Classify {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    #[command(flatten)]
    start: StartArguments,
    /// Look at several clips, spread over the video, and at 1 or 3 crops of each: 4x3 as in the published results.
    #[arg(long, value_name = "CLIPSxCROPS", conflicts_with_all = ["uniform", "frames_from"])]
    views: Option<Views>,
    /// What is averaged over the views: logits, as in the published results, or probabilities.
    #[arg(long, default_value_t, value_name = "WHAT", requires = "views")]
    average: Average,
    #[command(flatten)]
    sliding: SlidingArguments,
    /// How many classes to show.
    #[arg(long, default_value = "5", value_name = "N", value_parser = at_least_one)]
    top: usize,
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
    /// Which of the models, and its sizes.
    architecture: String,
    untrained: bool,
    device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<&'static str>,
    /// Of all heads together, where there are several.
    classes: Vec<Class>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heads: Vec<Head>,
    seconds: Seconds,
}

/// One of several heads.
#[derive(Serialize)]
struct Head {
    name: String,
    classes: Vec<Class>,
}

impl super::Run for Classify {
    fn run(self) -> Result<()> {
        if let Some(window) = self.sliding.sliding {
            return self.slide(window);
        }
        let (Started { model, mask, preprocessing }, decoded) = self.start.start_with(&self.video, self.views)?;
        let views = self.views.unwrap_or(Views::SINGLE);
        let shape = vivit::clip_shape(model.config(), &Request::new(views.count(), model.layout()));
        let (classes, elapsed) = self.classify(&model, &decoded.clips, views, &mask)?;
        let report = Report {
            video: decoded.report(),
            indices: decoded.indices(),
            shape: shape.axes().to_vec(),
            preprocessing,
            range: model.preprocessing().range(),
            model: model.checkpoint().source.clone(),
            architecture: model.config().to_string(),
            untrained: model.checkpoint().family == Family::Untrained,
            mask: self.start.mask.describe(),
            device: model.device().capabilities().name.clone(),
            views: self.views.map(|views| views.to_string()),
            average: self.views.map(|_| self.average.name()),
            classes: classes.top(self.top),
            heads: heads(&classes, self.top),
            seconds: Seconds::new(decoded.elapsed, elapsed),
        };
        output::report(self.json, &report, describe)
    }
}

impl Classify {
    /// Every window of `frames` frames, as the video goes by.
    fn slide(self, frames: usize) -> Result<()> {
        self.sliding.check(&self.video)?;
        let mut source = self.start.video.open(&self.video)?;
        let Started { model, .. } = self.start.start_on(frames)?;
        let showing = Showing {
            video: name(&self.video),
            stride: self.start.video.stride,
            causal: self.start.mask.causal,
            top: self.top,
            json: self.json,
        };
        self.sliding.run(&model, &mut *source, &showing)
    }

    /// The classes of a video by its views, and how long it took to load the weights, to prepare a clip and to compute.
    /// Several views are prepared while others are computed.
    fn classify(&self, model: &Vivit, clips: &[Clip], views: Views, mask: &FrameMask) -> Result<(Classes, Times)> {
        let start = Instant::now();
        let single = match views.count() {
            1 => Some(model.prepare(&clips[0])?),
            _ => None,
        };
        let preparing = single.is_some().then(|| start.elapsed());
        progress::showing_upload(model, || {
            let start = Instant::now();
            model.load_views(views, mask)?;
            let loaded = start.elapsed();
            let classes = match &single {
                Some(clip) => model.classify_prepared(clip, mask)?,
                None => model.classify_views(clips, views, self.average, mask)?,
            };
            Ok((classes, Times { loading: loaded, preparing, computing: start.elapsed() - loaded }))
        })
    }
}

/// The classes of each head, where there are several.
fn heads(classes: &Classes, count: usize) -> Vec<Head> {
    match classes.heads().len() {
        1 => Vec::new(),
        _ => classes.heads().map(|head| Head { name: head.name.to_owned(), classes: head.top(count) }).collect(),
    }
}

fn describe(report: &Report) -> String {
    let Report { video, indices, preprocessing, range, model, untrained, device, classes, heads, seconds, .. } = report;
    let clip = match report.views.as_ref().and_then(|views| views.parse().ok()) {
        Some(views) => views_of(views, indices),
        None => frames(indices),
    };
    let facts = output::fields([
        ("video", video.describe()),
        ("clip", report.mask.iter().fold(clip, |clip, mask| format!("{clip}; {mask}"))),
        ("values", format!("{range}, by {preprocessing}")),
        ("model", format!("{model}{}", if *untrained { ": PREDICTIONS MEAN NOTHING" } else { "" })),
        ("device", device.clone()),
        ("time", seconds.describe()),
    ]);
    let heads = heads.iter().map(|head| format!("{}\n{}", head.name, bars(&head.classes)));
    let together = match report.heads.is_empty() {
        true => bars(classes),
        false => format!("together\n{}", bars(classes)),
    };
    [facts].into_iter().chain(heads).chain([together]).collect::<Vec<_>>().join("\n\n")
}

fn bars(classes: &[Class]) -> String {
    let line = |Class { probability, name, .. }: &Class| {
        format!("{:5.1} %  {}  {name}", 100.0 * probability, output::bar(*probability, BAR))
    };
    classes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Characters of a bar for probability 1.
const BAR: usize = 30;
