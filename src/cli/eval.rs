//! `tubelet eval`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::ArgPredicate;
use serde::Serialize;
use tubelet::checkpoint::Checkpoint;
use tubelet::eval::{
    ClassNames, Evaluation, Figure, Manifest, ManifestFormat, Metrics, Protocol, Run, Shard, Summary, Task,
    VideoOutcome, VideoPipeline, merge, write_merged,
};
use tubelet::motions::Split;
use tubelet::tensor::{Error, Result};
use tubelet::train::MotionClips;
use tubelet::video::{Clip, DEFAULT_STRIDE, Preset};
use tubelet::vivit::Config;
use tubelet::{Average, Pass, Views, Vivit};

use super::arguments::{DeviceArguments, ModelArguments, at_least_one};
use super::interruption::Advice;
use super::known::known;
use super::mask::MaskArguments;
use super::motions::MotionArguments;
use super::preamble::Preamble;
use super::start::Started;
use super::video::{OpenArguments, counted};
use super::{files, output, progress};
use videos::Videos;

mod confusion;
mod videos;

/// Extensions of files of results.
const EXTENSIONS: &[&str] = &["csv", "jsonl"];

/// Evaluate a model over a data set of labelled videos
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet eval [OPTIONS] --model <DIR_OR_NAME>
                    --output <RESULTS> <MANIFEST|--motions <SETS>>
       tubelet eval --merge <RESULTS>... [--output <RESULTS>]",
    after_help = "\
The manifest is a CSV with the columns path and label (labels parted by ; for a multi-label model, noun and verb for \
heads of these names); a list of a path and a label a line without a header, parted by spaces, commas or tabs; or the \
annotations of Kinetics (CSV), Something-Something v2 (JSON) or EPIC-KITCHENS-100 (CSV) as they are published; or a \
folder that holds a folder of videos for each class. Labels are numbers or class names; names are looked up in --labels, \
else in the model's.

A row is written as each video is finished, so a run can be interrupted at any time and go on with --resume. A video \
that cannot be read is recorded as failed and is in no figure. RESULTS.run.json says which run the rows are of. In a \
CSV, a text that a spreadsheet would take for a formula has an apostrophe before it.

Published results: --views 4x3 --stride 2 for Kinetics; 4x1 and --stride 1 for EPIC-KITCHENS-100.

Examples:
  tubelet eval val.csv --model DIR --output results.csv
  tubelet eval val.csv --model DIR --views 1x1 --output results.jsonl --resume
  tubelet eval k400_val.csv --root videos/ --labels kinetics_400_labels.csv \\
      --model google/vivit-b-16x2-kinetics400 --output k400.csv
  tubelet eval --motions camera --motion-clips 20 --model DIR \\
      --output results.csv
  tubelet eval val.csv --model DIR --shard 2/3 --output part2.csv
  tubelet eval --merge part1.csv part2.csv part3.csv --output all.csv
  tubelet eval --merge results.csv --json"
)]
pub(super) struct Eval {
    /// The videos and their labels.
    #[arg(required_unless_present_any = ["merge", "motions"])]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    motions: MotionArguments,
    #[command(flatten)]
    model: ModelArguments,
    /// The file of results to write, .csv or .jsonl; the latter has all logits.
    #[arg(short, long, value_name = "RESULTS", required_unless_present = "merge")]
    output: Option<PathBuf>,
    /// Go on with results that are there, or begin where there are none.
    #[arg(long, conflicts_with = "merge")]
    resume: bool,
    /// With --resume: evaluate those videos again that could not be read.
    #[arg(long, requires = "resume")]
    retry_failed: bool,
    /// Temporal clips, spread over the video, by spatial crops (1 or 3); with --motions 1x1 unless it is told.
    #[arg(
        long,
        default_value = "4x3",
        value_name = "CLIPSxCROPS",
        default_value_if("motions", ArgPredicate::IsPresent, "1x1")
    )]
    views: Views,
    /// What is averaged over the views: logits, as in the published results, or probabilities.
    #[arg(long, default_value_t, value_name = "WHAT",
        value_parser = known::<Average>(Average::ALL.iter().map(|one| one.name())), hide_possible_values = true)]
    average: Average,
    /// Take every Nth frame. Without it as many as the model has learnt to see, else 2.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    stride: Option<usize>,
    #[command(flatten)]
    mask: MaskArguments,
    /// How frames become values, as for `tubelet classify`.
    #[arg(long, value_parser = known::<Preset>(Preset::ALL.iter().map(|one| one.name())), hide_possible_values = true)]
    preset: Option<Preset>,
    #[command(flatten)]
    opening: OpenArguments,
    /// Where the videos are, instead of beside the manifest. Videos that the manifest names outside it are not read.
    #[arg(long, value_name = "DIR", conflicts_with = "motions")]
    root: Option<PathBuf>,
    /// Class names: a text file with a class a line, a JSON list or map, or a CSV with the columns id and name.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// How the manifest is written, instead of by its beginning: table, list, kinetics, something-something, epic-kitchens,
    /// class-folders.
    #[arg(long, value_parser = known::<ManifestFormat>(ManifestFormat::ALL.iter().map(|one| one.name())), hide_possible_values = true,
        conflicts_with = "motions")]
    format: Option<ManifestFormat>,
    /// Evaluate one part of the manifest: 2/3 is the second of three.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true)]
    shard: Shard,
    /// Threads that decode videos.
    #[arg(long, value_name = "N", default_value_t = default_workers(), hide_default_value = true, value_parser = at_least_one)]
    workers: usize,
    /// End where more videos than these could not be read: a number, or a share of all such as 5%. --resume goes on.
    #[arg(long, value_name = "N|N%", conflicts_with = "merge")]
    max_failed: Option<MostFailed>,
    /// Put the results of all shards together (and write them to --output), instead of evaluating.
    #[arg(long, value_name = "RESULTS", num_args = 1.., conflicts_with_all = ["manifest", "motions", "model", "untrained"])]
    merge: Vec<PathBuf>,
    /// Draw for which class the videos of each class were taken, .svg or .png; of several heads a file each.
    #[arg(long, value_name = "FILE")]
    confusion: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    views: String,
    average: String,
    stride: usize,
    mask: String,
    shard: Shard,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<Speed>,
}

/// How fast a run was.
#[derive(Serialize)]
struct Speed {
    /// Videos that this run computed; those before an interruption and those that failed are not among them.
    videos: usize,
    seconds: f64,
    /// Views that were computed.
    clips_per_second: f64,
}

impl super::Run for Eval {
    fn run(self) -> Result<()> {
        match self.merge.is_empty() {
            true => self.evaluate(),
            false => self.merge(),
        }
    }
}

/// Enough to keep a fast device busy. Starting a decoder is a wait of its own, so there is one more than would compute.
pub(super) fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(3, |threads| (threads.get() / 2 + 2).clamp(3, 8))
}

impl Eval {
    fn merge(&self) -> Result<()> {
        let (run, rows) = merge(&self.merge)?;
        let metrics = Metrics::of(&run.task, &rows)?;
        if let Some(path) = &self.confusion {
            confusion::check(path, &run.task, &[])?;
            let names = self.labels.as_ref().map(|labels| ClassNames::read(labels, &run.task)).transpose()?;
            let names = names.unwrap_or_else(|| ClassNames::none(&run.task));
            confusion::write(path, &counted(metrics.videos(), "video"), &run.task, &names, &metrics)?;
        }
        let summary = metrics.summary();
        if let Some(output) = &self.output {
            files::check_output(output, EXTENSIONS, &[])?;
            write_merged(output, &run, &rows)?;
        }
        let report = report(&run, summary, self.output.clone());
        output::report(self.json, &report, describe)
    }

    fn evaluate(&self) -> Result<()> {
        let output = self.output.as_deref().ok_or_else(|| Error::usage("no output: give --output RESULTS.csv"))?;
        let inputs: Vec<&Path> = self.manifest.as_deref().into_iter().collect();
        files::check_output(output, EXTENSIONS, &inputs)?;
        let checkpoint = self.model.load()?;
        let task = Task::of(&checkpoint.config)?;
        let names = self.names(&task, &checkpoint)?;
        self.confusion.iter().try_for_each(|path| confusion::check(path, &task, &inputs))?;
        let stride = self.stride(&checkpoint);
        let videos = self.videos(&checkpoint.config, stride, &task, &names)?;
        let Started { model, pass, .. } = Started::new(checkpoint, self.preset, &self.mask, &self.device)?;
        let protocol = Protocol::new(self.views).average(self.average).stride(stride).mask(pass.mask.clone());
        let mut run = Run::new(&model, &protocol, &videos.manifest, self.shard)?.motions(videos.motions.clone());
        if self.is_spread(model.checkpoint()) && self.views.clips == 1 {
            run.views += ", spread over the video";
        }
        let mut evaluation = Evaluation::open(&videos.manifest, run.clone(), output, self.resume)?;
        if self.retry_failed {
            evaluation.retry_failed();
        }
        let speed = self.finish(&model, &pass.views(self.views), &videos, stride, &mut evaluation, output)?;
        let summary = evaluation.metrics().summary();
        if summary.videos == 0 {
            return Err(Error::file(format!("none of the videos could be read; {} says why", output.display())));
        }
        if let Some(path) = &self.confusion {
            confusion::write(path, &counted(summary.videos, "video"), &task, &names, evaluation.metrics())?;
        }
        let report = Report {
            preamble: Preamble::new("eval").model(&model).preprocessing(&*run.preprocessing),
            speed: Some(speed),
            ..report(&run, summary, Some(output.to_owned()))
        };
        output::report(self.json, &report, describe)
    }

    /// Distance of neighbouring frames: as is told, else as the model has learnt.
    fn stride(&self, checkpoint: &Checkpoint) -> usize {
        let learnt = checkpoint.learnt_clips.map(|learnt| learnt.stride);
        self.stride.or(learnt).unwrap_or(DEFAULT_STRIDE)
    }

    /// Whether single clips are spread over their whole videos: as the model has learnt, where no stride is told.
    fn is_spread(&self, checkpoint: &Checkpoint) -> bool {
        self.stride.is_none() && checkpoint.learnt_clips.is_some_and(|learnt| learnt.spread)
    }

    /// What is evaluated on, by a model of this configuration.
    fn videos(&self, config: &Config, stride: usize, task: &Task, names: &ClassNames) -> Result<Videos> {
        let Some(path) = &self.manifest else {
            let (frames, size) = (config.frames.saturating_mul(stride), [config.rows, config.columns]);
            let motions = self.motions.made(Split::Validation, self.motions.clips(), frames, size)?;
            return Ok(Videos::of_motions(MotionClips::named(motions, task, names)?, names));
        };
        let manifest = Manifest::read(path, self.format, self.root.as_deref(), task, names)?;
        Videos::of_files(manifest, self.root.as_deref(), self.opening.options())
    }

    /// Class names from the file that was given, else the checkpoint's.
    fn names(&self, task: &Task, checkpoint: &Checkpoint) -> Result<ClassNames> {
        match (&self.labels, &checkpoint.labels) {
            (Some(path), _) => ClassNames::read(path, task),
            (None, Some(labels)) => ClassNames::new(task, labels.clone()),
            (None, None) => Ok(ClassNames::none(task)),
        }
    }

    /// Evaluates what remains and shows how far it is.
    fn finish(
        &self,
        model: &Vivit,
        pass: &Pass,
        listed: &Videos,
        stride: usize,
        evaluation: &mut Evaluation<'_>,
        output: &Path,
    ) -> Result<Speed> {
        let (views, average) = (self.views, self.average);
        let mut compute =
            |clips: Vec<Clip>| average.of(&model.view_logits(pass.over(&clips))?, &model.config().labelling);
        let videos = evaluation.metrics().videos() + evaluation.metrics().failed() + evaluation.remaining();
        let most_failed = self.max_failed.map_or(usize::MAX, |most| most.of(videos));
        let goes_on = format!("{} has what is finished; the same command with --resume goes on", output.display());
        let _advice = Advice::give(goes_on.clone());
        let mut progress = progress::Videos::begin(evaluation.remaining(), views.count());
        let mut headline = Headline::default();
        let decode =
            listed.decode(views.sampling_spread(model.config().frames, stride, self.is_spread(model.checkpoint())));
        let pipeline = VideoPipeline::new(self.workers, decode, &mut compute).timeout(self.opening.timeout());
        evaluation.finish(pipeline, &mut |metrics, row| {
            let failed = match &row.outcome {
                VideoOutcome::Failed(reason) => Some(reason),
                _ => None,
            };
            failed.iter().for_each(|reason| progress.note(&format!("{} is left out: {reason}", row.path)));
            progress.finish(failed.is_none(), headline.of(metrics));
            match failed.is_some() && metrics.failed() > most_failed {
                true => Err(Error::file(format!(
                    "{} could not be read, more than the {most_failed} that --max-failed allows; {goes_on}",
                    counted(metrics.failed(), "video")
                ))),
                false => Ok(()),
            }
        })?;
        let (videos, seconds) = (progress.computed(), progress.elapsed().as_secs_f64());
        Ok(Speed {
            videos,
            seconds,
            clips_per_second: (videos * views.count()) as f64 / seconds.max(f64::MIN_POSITIVE),
        })
    }
}

/// How many videos may fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MostFailed {
    Videos(usize),
    /// Of all videos.
    Percent(f64),
}

impl MostFailed {
    pub(super) fn of(self, videos: usize) -> usize {
        match self {
            Self::Videos(most) => most,
            Self::Percent(share) => (share / 100.0 * videos as f64).floor() as usize,
        }
    }
}

impl FromStr for MostFailed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let most = match text.strip_suffix('%') {
            Some(share) => share.trim().parse().ok().filter(|share| (0.0..=100.0).contains(share)).map(Self::Percent),
            None => text.parse().ok().map(Self::Videos),
        };
        most.ok_or_else(|| "it must be a number of videos, or a share of all such as 5%".to_owned())
    }
}

/// The running figures, which are not computed anew for every video: mean average precision takes a while.
#[derive(Default)]
struct Headline {
    text: String,
    videos: usize,
}

impl Headline {
    fn of(&mut self, metrics: &Metrics) -> &str {
        if metrics.videos() > self.videos + self.videos / 20 {
            self.videos = metrics.videos();
            let figures = metrics.headline();
            let figures = figures.iter().map(|figure| format!("{} {}", figure.name, percent(figure)));
            self.text = figures.collect::<Vec<_>>().join("  ");
        }
        &self.text
    }
}

fn percent(figure: &Figure) -> String {
    figure.value.map_or("-".to_owned(), |value| format!("{:.2} %", 100.0 * value))
}

fn report(run: &Run, summary: Summary, output: Option<PathBuf>) -> Report {
    Report {
        preamble: Preamble::new("eval").source(&run.model).preprocessing(&*run.preprocessing),
        views: run.views.clone(),
        average: run.average.clone(),
        stride: run.stride,
        mask: run.mask.clone(),
        shard: run.shard,
        summary,
        output,
        speed: None,
    }
}

fn describe(report: &Report) -> String {
    let Report { preamble, views, average, stride, mask, shard, summary, .. } = report;
    let mut videos = counted(summary.videos, "video");
    if summary.failed > 0 {
        videos += &format!(", {} could not be read", summary.failed);
    }
    if *shard != Shard::WHOLE {
        videos += &format!(", shard {shard}");
    }
    let mut facts = vec![
        ("model", preamble.model.clone().unwrap_or_default()),
        ("videos", videos),
        ("views", format!("{views}, stride {stride}, mean of {average}")),
        ("mask", mask.clone()),
        ("values", preamble.preprocessing.clone().unwrap_or_default()),
    ];
    facts.extend(preamble.device.as_ref().map(|device| ("device", device.clone())));
    facts.extend(preamble.tiles());
    facts.extend(report.speed.as_ref().map(|Speed { videos, seconds, clips_per_second }| {
        let time = output::seconds(Duration::from_secs_f64(*seconds));
        let rate = output::three_digits(*clips_per_second);
        ("time", format!("{time} for {}, {rate} clips a second", counted(*videos, "video")))
    }));
    facts.extend(report.output.as_ref().map(|output| ("written", output.display().to_string())));
    let mut table = output::table(&["figure", " value"]);
    for figure in &summary.figures {
        table.add_row([figure.name.clone(), percent(figure)]);
    }
    format!("{}\n\n{}", output::facts(&facts), table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_or_shares() {
        let most = |text: &str| text.parse::<MostFailed>().map(|most| most.of(250));
        assert_eq!(["0", "12", "0%", "1%", "2.9 %", "100%"].map(most), [0, 12, 0, 2, 7, 250].map(Ok));
        for text in ["", "%", "-1", "101%", "1.5", "NaN%", "five"] {
            assert!(most(text).is_err(), "{text}");
        }
    }
}
