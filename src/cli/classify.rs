//! `tubelet classify`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueHint;
use serde::Serialize;
use tubelet::eval::{Manifest, Prediction, Protocol, Results, Row, Run, Task, VideoOutcome};
use tubelet::tensor::{Error, Result};
use tubelet::vivit::{self, Request};
use tubelet::{Average, Class, Classes, Views};

use super::arguments::at_least_one;
use super::known::known;
use super::many::{Finished, Many};
use super::preamble::Preamble;
use super::sliding::{Showing, SlidingArguments};
use super::start::{StartArguments, Started};
use super::times::{Seconds, Speed, Times};
use super::video::{Decoded, VideoReport, frames, name, views_of};
use super::videos::{Asked, VideosArguments};
use super::{files, output, progress};

/// Say what a video shows: the most probable classes
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet classify [OPTIONS] --model <DIR_OR_NAME> <VIDEO>...",
    after_help = "\
The times: decoding frames, preparing them as the model's input, loading weights onto the device, computing. The last \
includes the driver's own compilation of shaders, which it may keep for the next time.

Of several videos, of a folder of videos and of a --list, each is shown as it is finished, and with --json is a line. A \
folder that has .png, .jpg or .webp images in it is one video; of any other its videos are taken, and those of its \
subfolders. A video that cannot be read is left out with a note, and the exit code is then 1.

Examples:
  tubelet classify clip.mp4 --model google/vivit-b-16x2-kinetics400
  tubelet classify clip.mp4 --model DIR --top 3 --json
  tubelet classify clip.mp4 --model DIR --uniform --preset hf_default
  tubelet classify clip.mp4 --model DIR --views 4x3
  tubelet classify film.mp4 --model motions --sliding 16 --step 4 --top 2
  tubelet classify film.mp4 --model DIR --sliding 32 --step 16 --plot film.svg
  ffmpeg -i rtsp://CAMERA -pix_fmt yuv420p -f yuv4mpegpipe - | \\
    tubelet classify - --model DIR --sliding 32 --json
  tubelet classify videos/ film.mp4 --model DIR --output rows.csv --resume
  find videos/ -name '*.mp4' -print0 | \\
    tubelet classify --list - --null --model DIR --json
  tubelet classify frames/ --model DIR --frames-from 100 --stride 1
  tubelet classify clip.mp4 --untrained vit-ti --device software"
)]
pub(super) struct Classify {
    #[command(flatten)]
    videos: VideosArguments,
    #[command(flatten)]
    start: StartArguments,
    /// Look at several clips, spread over the video, and at 1 or 3 crops of each: 4x3 as in the published results.
    #[arg(long, value_name = "CLIPSxCROPS", conflicts_with_all = ["uniform", "frames_from"])]
    views: Option<Views>,
    /// What is averaged over the views: logits, as in the published results, or probabilities.
    #[arg(long, default_value_t, value_name = "WHAT", requires = "views",
        value_parser = known::<Average>(Average::ALL.iter().map(|one| one.name())), hide_possible_values = true)]
    average: Average,
    #[command(flatten)]
    sliding: SlidingArguments,
    /// How many classes to show.
    #[arg(long, default_value = "5", value_name = "N", value_parser = at_least_one)]
    top: usize,
    /// Write a row for each video as it is finished, .csv or .jsonl; the latter has all logits.
    #[arg(short, long, value_name = "RESULTS", value_hint = ValueHint::FilePath, help_heading = "Many videos",
        conflicts_with = "sliding")]
    output: Option<PathBuf>,
    /// Print JSON; of many videos a line each.
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
        match (self.videos.asked()?, &self.output) {
            (Asked::One(video), None) => self.one(&video),
            (Asked::One(video), Some(_)) => self.many(vec![video]),
            (Asked::Many(videos), _) => self.many(videos),
        }
    }
}

impl Classify {
    fn one(&self, video: &Path) -> Result<()> {
        let (started, decoded) = self.start.start_with(video, self.views)?;
        let (logits, times) = self.compute(&started, &decoded)?;
        output::report(self.json, &self.report(&started, &decoded, &logits, times)?, describe)
    }

    /// One after the other, each as it is finished.
    fn many(&self, videos: Vec<PathBuf>) -> Result<()> {
        let output = self.output.as_deref();
        output.map_or(Ok(()), |output| files::check_output(output, &["csv", "jsonl"], &[]))?;
        let started = self.start.start()?;
        let total = videos.len();
        let mut results = output.map(|output| self.results(output, &started, &videos)).transpose()?;
        let done = results.as_ref().map_or(&BTreeSet::new(), |results| &results.done).clone();
        let remaining = self.videos.remaining(videos, &done);
        let json = self.json;
        let many = Many {
            command: "classify",
            start: &self.start,
            videos: &self.videos,
            started: &started,
            views: self.views,
            json,
            output,
            failed_before: results.as_ref().map_or(0, |results| results.failed),
        };
        let compute = |decoded: &Decoded| {
            let (logits, times) = self.compute(&started, decoded)?;
            Ok((self.report(&started, decoded, &logits, times)?, logits))
        };
        let mut first = true;
        many.run(remaining, total, compute, |Finished { row, path, outcome, elapsed }| {
            let silent = results.is_some() && !json;
            if let Some(results) = &mut results {
                results.add(row, &path, outcome.as_ref().map(|(_, logits)| logits), elapsed)?;
            }
            match outcome {
                Ok((report, _)) if !silent => match json {
                    true => output::json_line(&report),
                    false => {
                        let parted = if std::mem::replace(&mut first, false) { "" } else { "\n" };
                        output::line(&format!("{parted}{}", describe(&report)))
                    }
                },
                _ => Ok(ControlFlow::Continue(())),
            }
        })
    }

    fn results(&self, output: &Path, started: &Started, videos: &[PathBuf]) -> Result<Rows> {
        let model = &started.model;
        let task = Task::of(model.config())?.unlabelled();
        let manifest = Manifest::unlabelled(videos.iter().cloned(), &task);
        let reading = self.start.video.of_model(model.checkpoint());
        let protocol = Protocol::new(self.views.unwrap_or(Views::SINGLE))
            .average(self.average)
            .stride(reading.stride())
            .mask(started.pass.mask.clone());
        let mut run = Run::new(model, &protocol, &manifest, self.videos.shard)?;
        (run.task, run.views) = (task, reading.describe(self.views));
        let names = model.checkpoint().labels.clone();
        let (results, rows) = Results::open(output, run, self.videos.resume)?;
        let finished = |row: &&Row| !self.videos.retry_failed || matches!(row.outcome, VideoOutcome::Done(_));
        let done: BTreeSet<usize> = rows.iter().filter(finished).map(|row| row.row).collect();
        let succeeded = rows.iter().filter(|row| matches!(row.outcome, VideoOutcome::Done(_))).count();
        let failed = done.len() - succeeded;
        Ok(Rows { results, names, done, failed })
    }

    /// Every window of `frames` frames, as the video goes by.
    fn slide(self, frames: usize) -> Result<()> {
        let video = self.videos.only("--sliding")?;
        self.sliding.check(&video)?;
        let mut source = self.start.video.open(&video)?;
        let started = self.start.start_on(frames)?;
        let showing = Showing {
            preamble: started.preamble("classify").video(VideoReport::unread(&video)),
            video: name(&video),
            stride: self.start.video.of_model(started.model.checkpoint()).stride(),
            pass: started.pass.clone(),
            top: self.top,
            json: self.json,
        };
        self.sliding.run(&started.model, &mut *source, &showing)
    }

    /// The logits of a video by its views, and how long it took to load the weights, to prepare a clip and to compute.
    /// Several views are prepared while others are computed.
    fn compute(&self, Started { model, pass, .. }: &Started, decoded: &Decoded) -> Result<(Vec<f32>, Times)> {
        let views = self.views.unwrap_or(Views::SINGLE);
        let pass = pass.clone().views(views).average(self.average);
        let start = Instant::now();
        let single = match views.count() {
            1 => Some(model.prepare(&decoded.clips[0])?),
            _ => None,
        };
        let preparing = single.is_some().then(|| start.elapsed());
        let start = Instant::now();
        let labelling = &model.config().labelling;
        let (logits, loading) = progress::showing_upload(model, || {
            model.warm_up(&pass, 1)?;
            let loading = start.elapsed();
            let logits = match &single {
                Some(clip) => model.view_logits(pass.over(clip))?.pop(),
                None => None,
            };
            Ok((logits, loading))
        })?;
        let logits = match logits {
            Some(logits) => logits,
            None => {
                let bar = progress::views(views.count() as u64);
                let pass = pass.progress(move |computed| bar.set_position(computed as u64));
                self.average.of(&model.view_logits(pass.over(&decoded.clips))?, labelling)?
            }
        };
        Ok((logits, Times { loading, preparing, computing: start.elapsed() - loading }))
    }

    fn report(&self, started: &Started, decoded: &Decoded, logits: &[f32], times: Times) -> Result<Report> {
        let model = &started.model;
        let classes = Classes::new(logits, &model.config().labelling, model.checkpoint().labels.as_deref())?;
        let views = self.views.unwrap_or(Views::SINGLE);
        let shape = vivit::clip_shape(model.config(), &Request::new(views.count(), model.layout()));
        Ok(Report {
            preamble: started.preamble("classify").video(decoded.report()),
            indices: decoded.indices(),
            shape: shape.axes().to_vec(),
            range: model.preprocessing().range(),
            architecture: model.config().to_string(),
            mask: self.start.mask.describe(),
            views: self.views.map(|views| views.to_string()),
            average: self.views.map(|_| self.average.name()),
            classes: classes.top(self.top),
            heads: heads(&classes, self.top),
            speed: Speed::new(views.count(), model.config().frames, times.computing),
            seconds: Seconds::new(decoded.elapsed, times),
        })
    }
}

/// Rows of results that are being written.
struct Rows {
    results: Results,
    names: Option<Vec<String>>,
    /// Those that were there and stay.
    done: BTreeSet<usize>,
    /// How many of them failed.
    failed: usize,
}

impl Rows {
    fn add(&mut self, row: usize, path: &Path, outcome: Result<&Vec<f32>, &Error>, elapsed: Duration) -> Result<()> {
        let outcome = match outcome {
            Ok(logits) => {
                VideoOutcome::Done(Prediction::new(&self.results.run().task, logits.clone(), self.names.as_deref())?)
            }
            Err(error) => VideoOutcome::Failed(error.to_string()),
        };
        let path = path.display().to_string();
        self.results.append(&Row::new(row, path, outcome).seconds(elapsed.as_secs_f64()))
    }
}

/// The classes of each head, where there are several.
fn heads(classes: &Classes, count: usize) -> Vec<Head> {
    match classes.heads().len() {
        1 => Vec::new(),
        _ => classes.heads().map(|head| Head { name: head.name().to_owned(), classes: head.top(count) }).collect(),
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
