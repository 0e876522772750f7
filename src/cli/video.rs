//! From a video to the frames of its clips.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::Views;
use tubelet::checkpoint::Checkpoint;
use tubelet::tensor::{LONGEST_TEXT, Result, printable};
use tubelet::video::{
    self, Clip, DEFAULT_STRIDE, FrameSource, Matrix, OpenOptions, Preprocessing, Preset, Rotation, Sampling,
};

use super::arguments::at_least_one;
use super::known::known;
use super::{output, progress};

/// Their heading in the help.
const VIDEO: &str = "Video";

/// How videos are opened, and what may happen on the way.
#[derive(Clone, clap::Args)]
pub(super) struct OpenArguments {
    /// How frames are turned: auto as players do, none as in training, or clockwise by so many degrees.
    #[arg(long, value_name = "HOW", default_value_t, value_parser = known::<Rotation>(["auto", "none", "90", "180", "270"]),
        hide_possible_values = true, help_heading = VIDEO)]
    rotate: Rotation,
    /// The colour matrix of a pipe, which states none; bt601 unless told otherwise.
    #[arg(long, value_parser = known::<Matrix>(["bt601", "bt709"]), help_heading = VIDEO)]
    matrix: Option<Matrix>,
    /// Refuse videos that are damaged or cut short, instead of using what can be decoded.
    #[arg(long, help_heading = VIDEO)]
    strict: bool,
    /// The longest that opening and decoding one video may take.
    #[arg(long, value_name = "SECONDS", value_parser = timeout, help_heading = VIDEO)]
    timeout: Option<Duration>,
    /// Let a video name other files or addresses to be read: playlists, lists of parts.
    #[arg(long, help_heading = VIDEO)]
    allow_references: bool,
}

impl OpenArguments {
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(super) fn options(&self) -> OpenOptions {
        OpenOptions::new()
            .rotation(self.rotate)
            .matrix(self.matrix)
            .strict(self.strict)
            .timeout(self.timeout)
            .allow_references(self.allow_references)
    }
}

/// Seconds, of which there must be some.
fn timeout(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it must be a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if timeout > Duration::ZERO => Ok(timeout),
        _ => Err("it must be a number of seconds, more than 0".to_owned()),
    }
}

/// Which frames of a video are seen, and how they become values.
#[derive(Clone, clap::Args)]
pub(super) struct VideoArguments {
    /// How frames become values: scenic or hf_corrected ([-1, 1], as trained), hf_default ([-3, 1], as Hugging Face's
    /// processor by default). Without it the model's own file (video_preprocessor_config.json, preprocessor_config.json)
    /// decides, else scenic for models of scenic and hf_corrected for all others.
    #[arg(long, value_parser = known::<Preset>(Preset::ALL.iter().map(|one| one.name())), hide_possible_values = true,
        help_heading = VIDEO)]
    pub(super) preset: Option<Preset>,
    /// Take the clip from this frame on, counted from 0, instead of from the middle.
    #[arg(long, value_name = "START", conflicts_with = "uniform", help_heading = VIDEO)]
    frames_from: Option<usize>,
    /// Take every Nth frame. Without it as many as the model has learnt to see, else 2.
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "uniform", help_heading = VIDEO)]
    stride: Option<usize>,
    /// Spread the frames evenly over the whole video.
    #[arg(long, help_heading = VIDEO)]
    uniform: bool,
    #[command(flatten)]
    opening: OpenArguments,
}

impl VideoArguments {
    /// Opens a video, which finds most of what can be wrong with it.
    pub(super) fn open(&self, video: &Path) -> Result<Box<dyn FrameSource>> {
        let source = self.opening.options().open(video)?;
        if video == Path::new("-") && self.opening.matrix.is_none() {
            output::note("a pipe does not state its colour matrix; bt601 is assumed, --matrix tells another");
        }
        Ok(source)
    }

    /// The same for clips of a model: taken as those that it has learnt from, where nobody tells otherwise.
    pub(super) fn of_model(&self, checkpoint: &Checkpoint) -> Self {
        match checkpoint.learnt_clips {
            Some(learnt) if self.stride.is_none() && !self.uniform => {
                let uniform = learnt.spread && self.frames_from.is_none();
                Self { stride: Some(learnt.stride), uniform, ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// Distance of neighbouring frames.
    pub(super) fn stride(&self) -> usize {
        self.stride.unwrap_or(DEFAULT_STRIDE)
    }

    /// The longest that opening and decoding one video may take.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.opening.timeout
    }

    /// Which frames are seen, in words that tell runs apart.
    pub(super) fn describe(&self, views: Option<Views>) -> String {
        match (views, self.uniform, self.frames_from) {
            (Some(views), ..) => views.to_string(),
            (None, true, _) => "uniform".to_owned(),
            (None, false, Some(start)) => format!("from frame {start} on"),
            (None, false, None) => "1x1".to_owned(),
        }
    }

    /// Decodes the clip of `frames` frames that was asked for, or those of all `views`, and says what is unusual about them.
    pub(super) fn decode(
        &self,
        video: &Path,
        source: Box<dyn FrameSource>,
        frames: usize,
        views: Option<Views>,
    ) -> Result<Decoded> {
        let clips = views.map_or(1, |views| views.clips);
        let bar = progress::bar(clips.saturating_mul(frames) as u64, "decoding");
        let decoded = self.decode_telling(video, source, frames, views, &mut || bar.inc(1))?;
        bar.finish_and_clear();
        decoded.notes().iter().for_each(|note| output::note(note));
        Ok(decoded)
    }

    /// As [`Self::decode`], saying nothing.
    pub(super) fn decode_silently(
        &self,
        video: &Path,
        source: Box<dyn FrameSource>,
        frames: usize,
        views: Option<Views>,
    ) -> Result<Decoded> {
        self.decode_telling(video, source, frames, views, &mut || ())
    }

    fn decode_telling(
        &self,
        video: &Path,
        mut source: Box<dyn FrameSource>,
        frames: usize,
        views: Option<Views>,
        read: &mut dyn FnMut(),
    ) -> Result<Decoded> {
        let sampling = match views {
            Some(views) => views.sampling_spread(frames, self.stride(), self.uniform),
            None => self.sampling(frames),
        };
        let start = Instant::now();
        let total = source.frame_count()?;
        let clips = Clip::read_all(&mut *source, &sampling, &mut |_| read())?;
        let (path, information) = (video.display().to_string(), source.information().clone());
        let decoded = Decoded { path, clips, information, total, elapsed: start.elapsed() };
        tracing::debug!("decoded {} of {total} frames: {}", decoded.indices().len(), decoded.information.description);
        Ok(decoded)
    }

    fn sampling(&self, frames: usize) -> Sampling {
        match (self.uniform, self.frames_from) {
            (true, _) => Sampling::Uniform { frames },
            (false, Some(start)) => Sampling::From { frames, stride: self.stride(), start },
            (false, None) => Sampling::Central { frames, stride: self.stride() },
        }
    }
}

/// A video's name in titles: its file's name.
pub(super) fn name(video: &Path) -> String {
    let name = video.file_name().unwrap_or(video.as_os_str());
    if name == "-" { "standard input".to_owned() } else { printable(&name.to_string_lossy(), LONGEST_TEXT) }
}

/// What decided how frames become values. Says on stderr where that may not be as the model was trained.
pub(super) fn origin(preset: Option<Preset>, checkpoint: Option<&Checkpoint>, preprocessing: &Preprocessing) -> String {
    match (preset, checkpoint.and_then(|checkpoint| checkpoint.preprocessor.as_ref())) {
        (Some(preset), _) => format!("preset {preset}"),
        (None, None) => {
            let preset = checkpoint.map_or(Preset::HfCorrected, |checkpoint| checkpoint.provenance.preset());
            let learnt = checkpoint.and_then(|checkpoint| checkpoint.learnt_clips);
            let edge = learnt.map(|learnt| format!(" from a short edge of {}, as learnt", learnt.short_edge));
            format!("preset {preset}{}, the default", edge.unwrap_or_default())
        }
        (None, Some(file)) => {
            let range = preprocessing.range();
            if range != TRAINED {
                output::note(&format!(
                    "the model's {} gives values in {range}, but the published ViViT models were trained on {TRAINED}, \
                     which --preset hf_corrected gives",
                    file.name
                ));
            }
            format!("the model's {}", file.name)
        }
    }
}

/// The range of values in scenic's training, whose weights the published models have.
const TRAINED: &str = "[-1, 1]";

/// The decoded clips of a video, at least one.
pub(super) struct Decoded {
    path: String,
    pub(super) clips: Vec<Clip>,
    information: video::Information,
    /// Frames of the whole video.
    total: usize,
    pub(super) elapsed: Duration,
}

impl Decoded {
    /// What is unusual about the clip.
    pub(super) fn notes(&self) -> Vec<String> {
        let wrapped = |clip: &&Clip| clip.indices().windows(2).any(|pair| pair[1] <= pair[0]);
        let mut notes = Vec::new();
        if let Some(indices) = self.clips.iter().find(wrapped).map(Clip::indices) {
            let frames = counted(self.total, "frame");
            notes.push(match indices.first() {
                Some(start) if *start > 0 => {
                    format!("the video of {frames} ends before this clip does, which goes on from frame 0")
                }
                _ => format!("the video of {frames} is too short for this clip; frames occur more than once"),
            });
        }
        if let Some(complaint) = &self.information.complaint {
            notes.push(complaint.clone());
        }
        let video::Information { rotation, turned, .. } = self.information;
        if rotation != 0 && turned == 0 {
            notes.push(format!(
                "players turn this video by {rotation}°; the model sees it unturned, as in training; --rotate auto turns \
                 it as players do"
            ));
        }
        notes
    }

    /// The frames of all clips.
    pub(super) fn indices(&self) -> Vec<usize> {
        self.clips.iter().flat_map(Clip::indices).copied().collect()
    }

    /// When frame `index` of the first clip is shown, in seconds, where that is known.
    pub(super) fn second(&self, index: usize) -> Option<f64> {
        let clip = self.clips.first()?;
        let shown = clip.frames().get(index)?.shown().map(|[start, _]| start);
        shown.or_else(|| Some(*clip.indices().get(index)? as f64 / self.information.frames_per_second?))
    }

    pub(super) fn report(&self) -> VideoReport {
        let video::Information { height, width, frames_per_second, rotation, turned, .. } = self.information;
        let found = Found { frames: self.total, height, width, frames_per_second, rotation, turned };
        VideoReport { path: self.path.clone(), found: Some(found) }
    }
}

/// A video as results describe it.
#[derive(Serialize)]
pub(super) struct VideoReport {
    path: String,
    /// What was found where it could be read.
    #[serde(flatten)]
    found: Option<Found>,
}

#[derive(Serialize)]
struct Found {
    frames: usize,
    height: usize,
    width: usize,
    frames_per_second: Option<f64>,
    /// Degrees by which players turn it clockwise.
    rotation: u32,
    /// Degrees by which the model sees it turned clockwise.
    turned: u32,
}

impl VideoReport {
    /// Of a video that was not read, or not to its end.
    pub(super) fn unread(video: &Path) -> Self {
        Self { path: video.display().to_string(), found: None }
    }

    /// In one line or two.
    pub(super) fn describe(&self) -> String {
        let Self { path, found } = self;
        let Some(Found { frames, height, width, frames_per_second, turned, .. }) = found else { return path.clone() };
        let rate =
            frames_per_second.map_or(String::new(), |rate| format!(", {} a second", (100.0 * rate).round() / 100.0));
        let turned = if *turned == 0 { String::new() } else { format!(", turned by {turned}°") };
        format!("{path}\n{} of {width}×{height} pixels{rate}{turned}", counted(*frames, "frame"))
    }
}

/// `1 frame`, `2 frames`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    let ending = if noun.ends_with('s') { "es" } else { "s" };
    format!("{number} {noun}{}", if number == 1 { "" } else { ending })
}

/// The clips of views in a few words: `4 clips of 32 frames, from 0, 62, 124, 186 on, 3 crops each`.
pub(super) fn views_of(views: Views, indices: &[usize]) -> String {
    let length = indices.len() / views.clips.max(1);
    let starts: Vec<_> = indices.iter().step_by(length.max(1)).map(usize::to_string).collect();
    let (clips, crops) = (counted(views.clips, "clip"), counted(views.crops.count(), "crop"));
    format!("{clips} of {}, from {} on, {crops} each", counted(length, "frame"), starts.join(", "))
}

/// A clip's frames in a few words: `32 frames: 34, 36, 38, … 96`.
pub(super) fn frames(indices: &[usize]) -> String {
    const SHOWN: usize = 8;
    let first = |count: usize| indices.iter().take(count).map(usize::to_string).collect::<Vec<_>>().join(", ");
    let list = match indices {
        [.., last] if indices.len() > SHOWN => format!("{}, … {last}", first(3)),
        _ => first(SHOWN),
    };
    format!("{}: {list}", counted(indices.len(), "frame"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_titles_are_fit_to_print() {
        assert_eq!(name(Path::new("videos/a\u{1b}[31m\u{202e}b.mp4")), "ab.mp4");
        assert_eq!(name(Path::new("-")), "standard input");
    }

    #[test]
    fn frames_are_listed_in_a_few_words() {
        let views = "2x3".parse().unwrap();
        assert_eq!(views_of(views, &[0, 2, 4, 9, 11, 13]), "2 clips of 3 frames, from 0, 9 on, 3 crops each");
        assert_eq!(frames(&[7]), "1 frame: 7");
        assert_eq!(frames(&[0, 2, 4, 0]), "4 frames: 0, 2, 4, 0");
        assert_eq!(frames(&(34..98).step_by(2).collect::<Vec<_>>()), "32 frames: 34, 36, 38, … 96");
    }
}
