//! `tubelet make-motions`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueHint;
use serde::Serialize;
use tubelet::motions::{MotionFiles, MotionOptions, MotionSet, MotionSplit, Motions, Split};
use tubelet::tensor::Result;
use tubelet::video::{VideoEncoder, VideoFormat};

use super::arguments::{at_least_one, sides};
use super::interruption::{Finishing, interrupted};
use super::known::known;
use super::preamble::Preamble;
use super::{output, progress};

/// Make labelled videos of motions, to train and test a model on
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet make-motions [OPTIONS] --set <SET> --output <DIR>",
    after_help = "\
shapes: two textured shapes move left, right, up, down, grow, shrink, turn clockwise, anticlockwise, approach each other \
or part. dots: the same in random dots, of which each frame alone is noise. camera: over a texture or a photograph a \
camera pans left, right, up, down, zooms in, out, rolls left, right, stands still or shakes; while it pans to the left, \
what it sees moves to the right.

Only the motion tells the class. Each scene is shown once in each class of its set; reversed motions have the same \
frames in the opposite order; every second scene of a set is the mirror image of the one before. The clips of the \
validation have textures, or photographs, of their own. The same seed gives the same frames on every machine.

The classes of several sets follow one another, those of shapes and dots are the same; the clips of a set are those that \
it has alone.

DIR gets the folders train and validation, a manifest of each, train.csv and validation.csv, and classes.txt.

Examples:
  tubelet make-motions --set camera --output motions
  tubelet make-motions --set shapes,camera --clips 500 --size 64 --output both
  tubelet make-motions --set dots --frames 16 --format npy -o dots --seed 7
  tubelet make-motions --set camera --photographs photos/ --output real
  tubelet eval motions/validation.csv --labels motions/classes.txt \\
      --views 1x1 --model DIR --output results.csv"
)]
pub(super) struct MakeMotions {
    /// Shapes, dots or camera, or several parted by commas.
    #[arg(long = "set", value_name = "SET", value_delimiter = ',', required = true,
        value_parser = known::<MotionSet>(MotionSet::ALL.iter().map(|set| set.name())), hide_possible_values = true)]
    sets: Vec<MotionSet>,
    /// The folder to write, where nothing is yet.
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: PathBuf,
    /// Clips of each class of each set to train on.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    clips: usize,
    /// Clips of each class of each set to validate with; without it a fifth of --clips.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    validation: Option<usize>,
    /// Frames of a clip.
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    frames: usize,
    /// Sides of a frame in pixels: 112, or 96x128 (rows x columns).
    #[arg(long, value_name = "SIZE", default_value = "112", value_parser = sides)]
    size: [usize; 2],
    /// Frames a second, as the files say; the motions are as long as the clips at any rate.
    #[arg(long, value_name = "N", default_value = "25")]
    rate: f64,
    /// Decides everything that is random.
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Move the camera over the photographs in a folder, of any sizes, instead of textures: a fifth of them in the
    /// validation, the others in the training.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    photographs: Option<PathBuf>,
    /// How videos are written: mp4 (H.264, or MPEG-4 where ffmpeg has no encoder for it), mkv (FFV1, every byte as it
    /// was) or npy (arrays, for which ffmpeg is not needed).
    #[arg(long, value_name = "FORMAT", default_value_t,
        value_parser = known::<VideoFormat>(VideoFormat::ALL.iter().map(|format| format.extension())))]
    format: VideoFormat,
    /// Videos that are made at once, instead of as many as the processor runs threads.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    workers: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    /// Several are parted by commas.
    set: String,
    classes: Vec<&'static str>,
    clips: Clips,
    frames: usize,
    /// Rows and columns.
    size: [usize; 2],
    rate: f64,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    photographs: Option<PathBuf>,
    format: &'static str,
    /// The encoder, by FFmpeg's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<String>,
    output: String,
    seconds: f64,
}

/// How many there are of all classes together.
#[derive(Serialize)]
struct Clips {
    train: usize,
    validation: usize,
}

impl super::Run for MakeMotions {
    fn run(self) -> Result<()> {
        let encoder = VideoEncoder::new(self.format, self.size, self.rate)?;
        if encoder.codec() == Some("mpeg4") {
            output::note("this ffmpeg cannot write H.264; the videos are MPEG-4 Part 2");
        }
        let held_out = self.validation.unwrap_or((self.clips / 5).max(1));
        let parts = [(Split::Training, self.clips), (Split::Validation, held_out)];
        let motions = parts.iter().map(|&(split, clips)| self.motions(split, clips));
        let motions: Vec<Motions> = motions.collect::<Result<_>>()?;
        let begun = Instant::now();
        let workers = self.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let written = {
            let bar = progress::steps(motions.iter().map(Motions::len).sum::<usize>() as u64);
            bar.set_message("making videos");
            // A signal ends the videos that are being written; then what there is goes, and nothing writes any more.
            let _finishing = Finishing::begin();
            let mut show = |written: usize| {
                bar.set_position(written as u64);
                if interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            MotionFiles::new(encoder.clone(), workers).write(&motions, &self.output, &mut show)?
        };
        let report = self.report(&encoder, &written, begun.elapsed().as_secs_f64());
        output::report(self.json, &report, describe)
    }
}

impl MakeMotions {
    fn motions(&self, split: Split, clips: usize) -> Result<Motions> {
        let options = MotionOptions::new(self.sets.as_slice()).split(split).clips(clips).frames(self.frames);
        Motions::new(options.size(self.size).seed(self.seed).photographs(self.photographs.clone()))
    }

    fn report(&self, encoder: &VideoEncoder, written: &[MotionSplit], seconds: f64) -> Report {
        let clips = |split: Split| {
            written.iter().filter(|part| part.name == split.name()).map(|part| part.clips).sum::<usize>()
        };
        let options = MotionOptions::new(self.sets.as_slice());
        Report {
            preamble: Preamble::new("make-motions"),
            set: self.sets.iter().map(|set| set.name()).collect::<Vec<_>>().join(","),
            classes: options.classes().iter().map(|motion| motion.name()).collect(),
            clips: Clips { train: clips(Split::Training), validation: clips(Split::Validation) },
            frames: self.frames,
            size: self.size,
            rate: self.rate,
            seed: self.seed,
            photographs: self.photographs.clone(),
            format: self.format.extension(),
            encoder: encoder.codec().map(str::to_owned),
            output: self.output.display().to_string(),
            seconds,
        }
    }
}

fn describe(report: &Report) -> String {
    let Report { clips: Clips { train, validation }, size: [rows, columns], frames, .. } = report;
    let encoder = report.encoder.as_ref().map_or(String::new(), |encoder| format!(" by {encoder}"));
    output::fields([
        ("classes", report.classes.join(", ")),
        ("clips", format!("{train} to train on, {validation} to validate with")),
        ("frames", format!("{frames} of {rows}x{columns} pixels (rows x columns), {} a second", report.rate)),
        ("format", format!("{}{encoder}", report.format)),
        ("time", format!("{:.1} s", report.seconds)),
        ("written", report.output.clone()),
    ])
}
