//! Many videos, one after the other: the next are decoded while one is computed, and one that fails is left out.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::Views;
use tubelet::eval::{UNREADABLE, UNSUITABLE, decode_ahead};
use tubelet::tensor::{Error, ErrorKind, Result};

use super::interruption::{Advice, interrupted};
use super::preamble::Preamble;
use super::start::{StartArguments, Started};
use super::video::{Decoded, VideoReport, counted};
use super::videos::VideosArguments;
use super::{output, progress};

/// A run over many videos.
pub(super) struct Many<'a> {
    pub(super) command: &'static str,
    pub(super) start: &'a StartArguments,
    pub(super) videos: &'a VideosArguments,
    pub(super) started: &'a Started,
    pub(super) views: Option<Views>,
    pub(super) json: bool,
    /// Where finished results are kept, if they are.
    pub(super) output: Option<&'a Path>,
    /// Videos that an earlier run could not read and that are not tried again.
    pub(super) failed_before: usize,
}

/// A video that was left out, as a line of JSON.
#[derive(Serialize)]
pub(super) struct LeftOut {
    #[serde(flatten)]
    preamble: Preamble,
    error: String,
}

/// How it went with one video.
pub(super) struct Finished<T> {
    /// Its index among all videos, from 0.
    pub(super) row: usize,
    pub(super) path: PathBuf,
    /// Why it failed, where it did.
    pub(super) outcome: Result<T>,
    /// Time of decoding and computing.
    pub(super) elapsed: Duration,
}

impl Many<'_> {
    /// Decodes the videos `remaining` of `total`, computes and finishes each in their order. A video that cannot be read or
    /// does not suit the model is reported, and finished as failed; any other error ends the run. `finish` breaks off where
    /// nobody reads any more.
    ///
    /// An error at the end where any has failed.
    pub(super) fn run<T>(
        &self,
        remaining: Vec<(usize, PathBuf)>,
        total: usize,
        mut compute: impl FnMut(&Decoded) -> Result<T>,
        mut finish: impl FnMut(Finished<T>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let advice = self
            .output
            .map(|output| format!("{} has what is finished; the same command with --resume goes on", output.display()));
        let _advice = advice.clone().map(Advice::give);
        let views = self.views.unwrap_or(Views::SINGLE);
        let mut progress = progress::Videos::begin(remaining.len(), views.count());
        let model = &self.started.model;
        let (video, frames) = (self.start.video.of_model(model.checkpoint()), model.config().frames);
        let asked = self.views;
        let decode = move |(_, path): &(usize, PathBuf)| {
            let decoded = video.open(path).and_then(|source| video.decode_silently(path, source, frames, asked));
            match interrupted() {
                // Ctrl-C ends decoders, too, which is no fault of the video.
                true => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                false => decoded,
            }
        };
        let (mut failed, mut unread, most_failed) = (self.failed_before, false, self.videos.most_failed(total));
        let timeout = self.start.video.timeout();
        let ran = decode_ahead(remaining, self.videos.workers, timeout, decode, |(row, path), decoded, decoding| {
            let start = Instant::now();
            let (outcome, of_video) = match decoded {
                Ok(decoded) => {
                    decoded.notes().iter().for_each(|note| progress.note(&format!("{}: {note}", path.display())));
                    (compute(&decoded), UNSUITABLE)
                }
                Err(error) => (Err(error), UNREADABLE),
            };
            let mut reading = ControlFlow::Continue(());
            match &outcome {
                Err(error) if !of_video.contains(&error.kind()) => return Err(error.clone().within(path.display())),
                Err(error) => {
                    failed += 1;
                    progress.note(&format!("{} is left out: {error}", path.display()));
                    if self.json {
                        reading = progress.beside(|| output::json_line(&self.left_out(path, error)))?;
                    }
                }
                Ok(_) => {}
            }
            progress.finish(outcome.is_ok(), "");
            let finished = Finished { row: *row, path: path.clone(), outcome, elapsed: decoding + start.elapsed() };
            let finished = progress.beside(|| finish(finished))?;
            if failed > most_failed {
                let goes_on = advice.as_ref().map_or(String::new(), |advice| format!("; {advice}"));
                return Err(Error::file(format!(
                    "{} could not be read, more than the {most_failed} that --max-failed allows{goes_on}",
                    counted(failed, "video")
                )));
            }
            unread = self.output.is_none() && (reading.is_break() || finished.is_break());
            match unread {
                true => Err(Error::new(ErrorKind::Interrupted, "nobody reads the results any more")),
                false => Ok(()),
            }
        });
        match ran {
            Err(error) if !unread => Err(error),
            _ if failed > 0 && !unread => {
                Err(Error::file(format!("{failed} of {} could not be read and is left out", counted(total, "video"))))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn left_out(&self, path: &Path, error: &Error) -> LeftOut {
        let preamble = self.started.preamble(self.command).video(VideoReport::unread(path));
        LeftOut { preamble, error: error.to_string() }
    }
}
