//! `tubelet embed`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueHint;
use indicatif::ProgressBar;
use serde::Serialize;
use tubelet::eval::fingerprint;
use tubelet::graph::Taps;
use tubelet::tensor::{Error, ErrorKind, Result, Tensor};
use tubelet::{Pass, Views};

use super::features::{Features, Location, Recipe};
use super::many::{Finished, Many};
use super::preamble::Preamble;
use super::start::{StartArguments, Started};
use super::times::{Seconds, Speed, Times};
use super::video::{Decoded, frames, views_of};
use super::videos::{Asked, VideosArguments};
use super::{files, output, progress};

/// Write what a model makes of a video: features of the clip, or of each token
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet embed [OPTIONS] --model <DIR_OR_NAME> --output <OUT> <VIDEO>...",
    after_help = "\
Without --tap the features are what the head sees, one vector a view: [V, C]. sequence_output gives a vector for each \
token, [V, N, C], the class token first where there is one, then time, row, column; in Model 2 it is \
spatial.sequence_output [V·T, 1+S, C], temporal.sequence_output [V, 1+T, C] or frame_representation [V, T, C]. A wrong \
name is answered with all there are.

Of many videos the output is a folder: for each value arrays of a row a video, features-00000.npy and on, of a gibibyte at \
most, and index.jsonl with a line a video as it is finished: file, row and shape of each value. Each --shard has a folder of \
its own.

Examples:
  tubelet embed clip.mp4 --model DIR --output features.npy
  tubelet embed clip.mp4 --model DIR --output tokens.npy --tap sequence_output
  tubelet embed clip.mp4 -m DIR -o all.safetensors --tap features,hidden_state.6
  tubelet embed clip.mp4 --model DIR --output views.npy --views 4x3
  tubelet embed videos/ --model DIR --output features/ --resume
  tubelet embed --list list.txt --model DIR --shard 1/2 --output part1/"
)]
pub(super) struct Embed {
    #[command(flatten)]
    videos: VideosArguments,
    #[command(flatten)]
    start: StartArguments,
    /// The file to write: .npy for one value, .safetensors for any number; of many videos the folder, which gets arrays of a
    /// row a video and index.jsonl, which says which row is whose.
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::AnyPath)]
    output: PathBuf,
    /// What to write: features, or a value inside the model; can be given more than once.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = FEATURES)]
    tap: Vec<String>,
    /// Look at several clips, spread over the video, and at 1 or 3 crops of each, as 4x3: their features are adjacent.
    #[arg(long, value_name = "CLIPSxCROPS", conflicts_with_all = ["uniform", "frames_from"])]
    views: Option<Views>,
    /// Print JSON; of many videos a line each.
    #[arg(long)]
    json: bool,
}

/// What the head sees.
const FEATURES: &str = "features";

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    indices: Vec<usize>,
    range: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<String>,
    output: String,
    tensors: BTreeMap<String, Shape>,
    seconds: Seconds,
    speed: Speed,
}

/// The shape of a video's tensor, or its location among the arrays of many videos.
#[derive(Serialize)]
#[serde(untagged)]
enum Shape {
    Alone(Vec<usize>),
    Among(Location),
}

impl super::Run for Embed {
    fn run(self) -> Result<()> {
        match self.videos.asked()? {
            Asked::One(video) => self.one(&video),
            Asked::Many(videos) => self.many(videos),
        }
    }
}

impl Embed {
    fn one(&self, video: &Path) -> Result<()> {
        files::check_output(&self.output, &["npy", "safetensors"], &[video])?;
        if self.to_npy() && self.tap.len() > 1 {
            return Err(Error::usage("a .npy file holds one value; write several into a .safetensors file"));
        }
        let (started, decoded) = self.start.start_with(video, self.views)?;
        let model = &started.model;
        let (tensors, times) = progress::showing_upload(model, || self.embed(&started, &decoded))?;
        self.write(&tensors)?;
        let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), Shape::Alone(tensor.shape().axes().to_vec()));
        let shapes = tensors.iter().map(shape).collect();
        output::report(self.json, &self.report(&started, &decoded, shapes, times), describe)
    }

    /// One after the other into a folder, each as it is finished.
    fn many(&self, videos: Vec<PathBuf>) -> Result<()> {
        if self.output.extension().is_some() || self.output.is_file() {
            return Err(Error::usage(format!(
                "the features of many videos become a folder, and {} is named like a file",
                self.output.display()
            )));
        }
        let started = self.start.start()?;
        let model = &started.model;
        progress::showing_upload(model, || model.warm_up(&self.pass(&started), 1))?;
        let features = Features::open(&self.output, &self.recipe(&started, &videos)?, self.videos.resume)?;
        let mut done = features.done.clone();
        done.extend(features.failed.iter().filter(|_| !self.videos.retry_failed));
        let total = videos.len();
        let failed_before = done.len() - features.done.len();
        let remaining = self.videos.remaining(videos, &done);
        let features = RefCell::new(features);
        let many = Many {
            command: "embed",
            start: &self.start,
            videos: &self.videos,
            started: &started,
            views: self.views,
            json: self.json,
            output: Some(&self.output),
            failed_before,
        };
        let compute = |decoded: &Decoded| {
            let (tensors, times) = self.embed(&started, decoded)?;
            let locations = features.borrow_mut().add(&tensors)?;
            let locations = locations.into_iter().map(|(name, location)| (name, Shape::Among(location))).collect();
            Ok(self.report(&started, decoded, locations, times))
        };
        many.run(remaining, total, compute, |Finished { row, path, outcome, .. }| {
            let mut features = features.borrow_mut();
            match outcome {
                Ok(report) => {
                    features.index(row, &report)?;
                    if self.json { output::json_line(&report) } else { Ok(ControlFlow::Continue(())) }
                }
                Err(error) => {
                    features.index(row, &many.left_out(&path, &error))?;
                    Ok(ControlFlow::Continue(()))
                }
            }
        })?;
        match self.json {
            true => Ok(()),
            false => output::print(&output::fields([
                ("videos", features.borrow().indexed().to_string()),
                ("written", self.output.display().to_string()),
            ])),
        }
    }

    /// What features of the same run have in common.
    fn recipe(&self, started: &Started, videos: &[PathBuf]) -> Result<Recipe> {
        let Started { model, pass, .. } = started;
        let config = model.config();
        let names = videos.iter().map(|video| video.display().to_string()).collect::<Vec<_>>().join("\n");
        let reading = self.start.video.of_model(model.checkpoint());
        let facts = [
            ("model", config.to_string()),
            ("weights", fingerprint(&*model.checkpoint().parameters)?),
            ("taps", self.tap.join(", ")),
            ("views", reading.describe(self.views)),
            ("stride", reading.stride().to_string()),
            ("mask", pass.mask.to_string()),
            ("preprocessing", model.preprocessing().to_string()),
            ("videos", format!("{} ({:016x})", videos.len(), hash(&names))),
            ("shard", self.videos.shard.to_string()),
        ];
        Ok(Recipe(facts.into_iter().map(|(name, fact)| (name.to_owned(), fact.into())).collect()))
    }

    fn report(&self, started: &Started, decoded: &Decoded, tensors: BTreeMap<String, Shape>, times: Times) -> Report {
        let model = &started.model;
        Report {
            preamble: started.preamble("embed").video(decoded.report()),
            indices: decoded.indices(),
            range: model.preprocessing().range(),
            views: self.views.map(|views| views.to_string()),
            output: self.output.display().to_string(),
            tensors,
            speed: Speed::new(self.views.map_or(1, Views::count), model.config().frames, times.computing),
            seconds: Seconds::new(decoded.elapsed, times),
        }
    }

    /// With the values inside the model that are asked for.
    fn pass(&self, started: &Started) -> Pass {
        let taps = self.tap.iter().filter(|name| *name != FEATURES).cloned().collect();
        started.pass.clone().taps(Taps::Names(taps))
    }

    fn to_npy(&self) -> bool {
        self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
    }

    /// The values of all views, view after view along the first axis, crops outermost, as everywhere; and how long it took
    /// to load the weights, to prepare the clips and to compute.
    fn embed(&self, started: &Started, decoded: &Decoded) -> Result<(BTreeMap<String, Tensor>, Times)> {
        let model = &started.model;
        let pass = self.pass(started);
        let views = self.views.unwrap_or(Views::SINGLE);
        let start = Instant::now();
        model.warm_up(&pass, 1)?;
        let loading = start.elapsed();
        let mut preparing = Duration::ZERO;
        let bar = if views.count() > 1 { progress::views(views.count() as u64) } else { ProgressBar::hidden() };
        let mut by_crop = vec![Vec::new(); views.crops.count()];
        for clip in &decoded.clips {
            let start = Instant::now();
            let crops = model.prepare_crops(clip, views.crops)?;
            preparing += start.elapsed();
            for (crop, prepared) in crops.iter().enumerate() {
                by_crop[crop].push(finite(model.taps(pass.over(prepared))?)?);
                bar.inc(1);
            }
        }
        let computing = start.elapsed() - loading - preparing;
        let found: Vec<_> = by_crop.into_iter().flatten().collect();
        let values = self.tap.iter().map(|name| joined(name, &found)).collect::<Result<_>>()?;
        Ok((values, Times { loading, preparing: Some(preparing), computing }))
    }

    fn write(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        match tensors.values().next() {
            Some(only) if self.to_npy() => files::write_npy(&self.output, only),
            _ => files::write_safetensors(&self.output, tensors),
        }
    }
}

/// An error for values that are not finite, as they come of a damaged checkpoint or a faulty device.
fn finite(values: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    for (name, tensor) in &values {
        if let Some(found) = tensor.as_f32()?.iter().find(|value| !value.is_finite()) {
            return Err(Error::new(
                ErrorKind::Device,
                format!("{name} holds {found}: a damaged checkpoint or a faulty device"),
            ));
        }
    }
    Ok(values)
}

/// FNV-1a, which is the same everywhere.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One value of all views, which are adjacent along its first axis.
fn joined(name: &str, views: &[BTreeMap<String, Tensor>]) -> Result<(String, Tensor)> {
    let parts: Vec<_> = views.iter().filter_map(|view| view.get(name)).collect();
    let mut axes = parts.first().map_or(Vec::new(), |part| part.shape().axes().to_vec());
    axes.first_mut().into_iter().for_each(|first| *first *= parts.len());
    Ok((name.to_owned(), Tensor::joined(&parts, &axes.into())?))
}

fn describe(report: &Report) -> String {
    let Report { preamble, indices, range, seconds, speed, .. } = report;
    let clip = match report.views.as_ref().and_then(|views| views.parse().ok()) {
        Some(views) => views_of(views, indices),
        None => frames(indices),
    };
    let shape = |(name, shape): (&String, &Shape)| match shape {
        Shape::Alone(shape) => format!("{name} {shape:?}"),
        Shape::Among(location) => format!("{name} {location}"),
    };
    let tensors: Vec<_> = report.tensors.iter().map(shape).collect();
    let mut facts = preamble.facts(Some(clip), Some(range));
    facts.extend([
        ("time", format!("{}: {}", seconds.describe(), speed.describe())),
        ("tensors", tensors.join("\n")),
        ("written", report.output.clone()),
    ]);
    output::facts(&facts)
}
