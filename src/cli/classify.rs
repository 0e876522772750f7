//! `tubelet classify`.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use tubelet::tensor::Result;
use tubelet::video::Clip;
use tubelet::vivit::{self, FrameMask, Request};
use tubelet::{Average, Class, Classes, Views, Vivit};

use super::arguments::at_least_one;
use super::known::known;
use super::preamble::Preamble;
use super::sliding::{Showing, SlidingArguments};
use super::start::{StartArguments, Started};
use super::times::{Seconds, Speed, Times};
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
    #[arg(long, default_value_t, value_name = "WHAT", requires = "views",
        value_parser = known::<Average>(Average::ALL.map(Average::name)), hide_possible_values = true)]
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
    #[serde(flatten)]
    preamble: Preamble,
    indices: Vec<usize>,
    shape: Vec<usize>,
    range: String,
    /// Which of the models, and its sizes.
    architecture: String,
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
    speed: Speed,
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
        let (started, decoded) = self.start.start_with(&self.video, self.views)?;
        let preamble = started.preamble("classify").video(decoded.report());
        let Started { model, mask, .. } = started;
        let views = self.views.unwrap_or(Views::SINGLE);
        let shape = vivit::clip_shape(model.config(), &Request::new(views.count(), model.layout()));
        let (classes, elapsed) = self.classify(&model, &decoded.clips, views, &mask)?;
        let report = Report {
            preamble,
            indices: decoded.indices(),
            shape: shape.axes().to_vec(),
            range: model.preprocessing().range(),
            architecture: model.config().to_string(),
            mask: self.start.mask.describe(),
            views: self.views.map(|views| views.to_string()),
            average: self.views.map(|_| self.average.name()),
            classes: classes.top(self.top),
            heads: heads(&classes, self.top),
            speed: Speed::new(views.count(), model.config().frames, elapsed.computing),
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
        let started = self.start.start_on(frames)?;
        let showing = Showing {
            preamble: started.preamble("classify").video(VideoReport::unread(&self.video)),
            video: name(&self.video),
            stride: self.start.video.stride,
            causal: self.start.mask.causal,
            top: self.top,
            json: self.json,
        };
        self.sliding.run(&started.model, &mut *source, &showing)
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
    let Report { preamble, indices, range, classes, heads, seconds, speed, .. } = report;
    let clip = match report.views.as_ref().and_then(|views| views.parse().ok()) {
        Some(views) => views_of(views, indices),
        None => frames(indices),
    };
    let clip = report.mask.iter().fold(clip, |clip, mask| format!("{clip}; {mask}"));
    let mut facts = preamble.facts(Some(clip), Some(range));
    facts.push(("time", format!("{}: {}", seconds.describe(), speed.describe())));
    let facts = output::facts(&facts);
    let heads = heads.iter().map(|head| format!("{}\n{}", head.name, bars(&head.classes)));
    let together = match report.heads.is_empty() {
        true => bars(classes),
        false => format!("together\n{}", bars(classes)),
    };
    [facts].into_iter().chain(heads).chain([together]).collect::<Vec<_>>().join("\n\n")
}

fn bars(classes: &[Class]) -> String {
    let line = |class: &Class| match class.probability.is_nan() {
        // The value of a regression is no share of anything.
        true => format!("{:>12}  {}", class.score(), class.name),
        false => format!("{:>7}  {}  {}", class.score(), output::bar(class.probability, BAR), class.name),
    };
    classes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Characters of a bar for probability 1.
const BAR: usize = 30;
