//! `tubelet embed`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::graph::Taps;
use tubelet::tensor::{Error, Result, Tensor};
use tubelet::vivit::FrameMask;
use tubelet::{Views, Vivit};

use super::preamble::Preamble;
use super::start::{StartArguments, Started};
use super::times::{Seconds, Speed, Times};
use super::video::{Decoded, frames, views_of};
use super::{files, output, progress};

/// Write what a model makes of a video: features of the clip, or of each token
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet embed [OPTIONS] --model <DIR_OR_NAME> --output <OUT> <VIDEO>",
    after_help = "\
Without --tap the features are what the head sees, one vector a view: [V, C]. sequence_output gives a vector for each \
token, [V, N, C], the class token first where there is one, then time, row, column; in Model 2 it is \
spatial.sequence_output [V·T, 1+S, C], temporal.sequence_output [V, 1+T, C] or frame_representation [V, T, C]. A wrong \
name is answered with all there are.

Examples:
  tubelet embed clip.mp4 --model DIR --output features.npy
  tubelet embed clip.mp4 --model DIR --output tokens.npy --tap sequence_output
  tubelet embed clip.mp4 -m DIR -o all.safetensors --tap features,hidden_state.6
  tubelet embed clip.mp4 --model DIR --output views.npy --views 4x3"
)]
pub(super) struct Embed {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    #[command(flatten)]
    start: StartArguments,
    /// The file to write: .npy for one value, .safetensors for any number.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// What to write: features, or a value inside the model; can be given more than once.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = FEATURES)]
    tap: Vec<String>,
    /// Look at several clips, spread over the video, and at 1 or 3 crops of each, as 4x3: their features are adjacent.
    #[arg(long, value_name = "CLIPSxCROPS", conflicts_with_all = ["uniform", "frames_from"])]
    views: Option<Views>,
    /// Print JSON.
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
    /// Name → shape.
    tensors: BTreeMap<String, Vec<usize>>,
    seconds: Seconds,
    speed: Speed,
}

impl super::Run for Embed {
    fn run(self) -> Result<()> {
        files::check_output(&self.output, &["npy", "safetensors"], &[&self.video])?;
        if self.to_npy() && self.tap.len() > 1 {
            return Err(Error::usage("a .npy file holds one value; write several into a .safetensors file"));
        }
        let (started, decoded) = self.start.start_with(&self.video, self.views)?;
        let preamble = started.preamble("embed").video(decoded.report());
        let Started { model, mask, .. } = started;
        let (tensors, elapsed) = progress::showing_upload(&model, || self.embed(&model, &decoded, &mask))?;
        self.write(&tensors)?;
        let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.shape().axes().to_vec());
        let report = Report {
            preamble,
            indices: decoded.indices(),
            range: model.preprocessing().range(),
            views: self.views.map(|views| views.to_string()),
            output: self.output.display().to_string(),
            tensors: tensors.iter().map(shape).collect(),
            speed: Speed::new(self.views.map_or(1, Views::count), model.config().frames, elapsed.computing),
            seconds: Seconds::new(decoded.elapsed, elapsed),
        };
        output::report(self.json, &report, describe)
    }
}

impl Embed {
    fn to_npy(&self) -> bool {
        self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
    }

    /// The values of all views, view after view along the first axis, crops outermost, as everywhere; and how long it took
    /// to load the weights, to prepare the clips and to compute.
    fn embed(&self, model: &Vivit, decoded: &Decoded, mask: &FrameMask) -> Result<(BTreeMap<String, Tensor>, Times)> {
        let inside = self.tap.iter().filter(|name| *name != FEATURES).cloned().collect();
        let taps = Taps::Names(inside);
        let views = self.views.unwrap_or(Views::SINGLE);
        let start = Instant::now();
        model.load_taps(&taps, mask)?;
        let loading = start.elapsed();
        let mut preparing = Duration::ZERO;
        let mut by_crop = vec![Vec::new(); views.crops.count()];
        for clip in &decoded.clips {
            let start = Instant::now();
            let crops = model.prepare_crops(clip, views.crops)?;
            preparing += start.elapsed();
            for (crop, prepared) in crops.iter().enumerate() {
                by_crop[crop].push(model.taps_prepared(prepared, &taps, mask)?);
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
    let shape = |(name, shape): (&String, &Vec<usize>)| format!("{name} {shape:?}");
    let tensors: Vec<_> = report.tensors.iter().map(shape).collect();
    let mut facts = preamble.facts(Some(clip), Some(range));
    facts.extend([
        ("time", format!("{}: {}", seconds.describe(), speed.describe())),
        ("tensors", tensors.join("\n")),
        ("written", report.output.clone()),
    ]);
    output::facts(&facts)
}
