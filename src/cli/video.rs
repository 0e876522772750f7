//! From a video to the frames of a clip: what `classify` and `clip` share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tubelet::Views;
use tubelet::checkpoint::Checkpoint;
use tubelet::tensor::Result;
use tubelet::video::{self, Clip, DEFAULT_STRIDE, FrameSource, Preprocessing, Preset, Sampling};

use super::arguments::at_least_one;
use super::{output, progress};

/// Which video, which of its frames, and how they become values.
#[derive(clap::Args)]
pub(super) struct VideoArguments {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    pub(super) video: PathBuf,
    /// How frames become values: scenic or hf_corrected ([-1, 1], as trained), hf_default ([-3, 1], as Hugging Face's
    /// processor by default). Without it the model's preprocessor_config.json decides, else scenic for models of scenic
    /// and hf_corrected for all others.
    #[arg(long)]
    pub(super) preset: Option<Preset>,
    /// Take the clip from this frame on, counted from 0, instead of from the middle.
    #[arg(long, value_name = "START", conflicts_with = "uniform")]
    frames_from: Option<usize>,
    /// Take every Nth frame.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_STRIDE, value_parser = at_least_one, conflicts_with = "uniform")]
    pub(super) stride: usize,
    /// Spread the frames evenly over the whole video.
    #[arg(long)]
    uniform: bool,
}

impl VideoArguments {
    /// What titles call the video: its file's name.
    pub(super) fn name(&self) -> String {
        let name = self.video.file_name().unwrap_or(self.video.as_os_str());
        if name == "-" { "standard input".to_owned() } else { name.to_string_lossy().into_owned() }
    }

    /// Opens the video, which finds most of what can be wrong with it before anything else is loaded.
    pub(super) fn open(&self) -> Result<Box<dyn FrameSource>> {
        video::open(&self.video)
    }

    /// Decodes the one clip of `frames` frames that was asked for.
    pub(super) fn decode(&self, source: Box<dyn FrameSource>, frames: usize) -> Result<Decoded> {
        self.decode_clips(source, &self.sampling(frames))
    }

    /// Decodes the clips of all `views`, of `frames` frames each.
    pub(super) fn decode_views(&self, source: Box<dyn FrameSource>, frames: usize, views: Views) -> Result<Decoded> {
        self.decode_clips(source, &views.sampling(frames, self.stride))
    }

    fn decode_clips(&self, mut source: Box<dyn FrameSource>, sampling: &Sampling) -> Result<Decoded> {
        let start = Instant::now();
        let counting = progress::spinner("counting frames");
        let total = source.frame_count()?;
        counting.finish_and_clear();
        let frames = sampling.clips().saturating_mul(sampling.frames());
        let bar = progress::bar(frames as u64, "decoding");
        let clips = Clip::read_all(&mut *source, sampling, &mut |_| bar.inc(1))?;
        bar.finish_and_clear();
        let decoded = Decoded { clips, information: source.information().clone(), total, elapsed: start.elapsed() };
        tracing::debug!("decoded {frames} of {total} frames: {}", decoded.information.description);
        decoded.notes().iter().for_each(|note| output::note(note));
        Ok(decoded)
    }

    fn sampling(&self, frames: usize) -> Sampling {
        match (self.uniform, self.frames_from) {
            (true, _) => Sampling::Uniform { frames },
            (false, Some(start)) => Sampling::From { frames, stride: self.stride, start },
            (false, None) => Sampling::Central { frames, stride: self.stride },
        }
    }

    /// What decided how frames become values. Says on stderr where that may not be as the model was trained.
    pub(super) fn origin(&self, checkpoint: Option<&Checkpoint>, preprocessing: &Preprocessing) -> String {
        match (self.preset, checkpoint.and_then(|checkpoint| checkpoint.preprocessor.as_ref())) {
            (Some(preset), _) => format!("preset {preset}"),
            (None, None) => {
                let preset = checkpoint.map_or(Preset::HfCorrected, |checkpoint| checkpoint.family.preset());
                format!("preset {preset}, the default")
            }
            (None, Some(_)) => {
                let range = preprocessing.range();
                if range != TRAINED {
                    output::note(&format!(
                        "the model's preprocessor_config.json gives values in {range}, but the published ViViT models \
                         were trained on {TRAINED}, which --preset hf_corrected gives"
                    ));
                }
                "the model's preprocessor_config.json".to_owned()
            }
        }
    }
}

/// The range of values in scenic's training, whose weights the published models have.
const TRAINED: &str = "[-1, 1]";

/// The decoded clips of a video, at least one.
pub(super) struct Decoded {
    pub(super) clips: Vec<Clip>,
    information: video::Information,
    /// Frames of the whole video.
    total: usize,
    pub(super) elapsed: Duration,
}

impl Decoded {
    /// What is unusual about the clip.
    fn notes(&self) -> Vec<String> {
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
            notes.push(format!("the video may be damaged, this is what could be read of it; ffmpeg says: {complaint}"));
        }
        if self.information.rotation != 0 {
            let degrees = self.information.rotation;
            notes.push(format!("players turn this video by {degrees}°; the model sees it unturned, as in training"));
        }
        notes
    }

    /// The frames of all clips.
    pub(super) fn indices(&self) -> Vec<usize> {
        self.clips.iter().flat_map(Clip::indices).copied().collect()
    }

    /// The rate of the video's frames, where it states one.
    pub(super) fn frames_per_second(&self) -> Option<f64> {
        self.information.frames_per_second
    }

    pub(super) fn report(&self, arguments: &VideoArguments) -> VideoReport {
        let video::Information { height, width, frames_per_second, .. } = self.information;
        let path = arguments.video.display().to_string();
        VideoReport { path, frames: self.total, height, width, frames_per_second }
    }
}

/// A video as results describe it.
#[derive(Serialize)]
pub(super) struct VideoReport {
    path: String,
    frames: usize,
    height: usize,
    width: usize,
    frames_per_second: Option<f64>,
}

impl VideoReport {
    /// In two lines.
    pub(super) fn describe(&self) -> String {
        let Self { path, frames, height, width, frames_per_second } = self;
        let rate =
            frames_per_second.map_or(String::new(), |rate| format!(", {} a second", (100.0 * rate).round() / 100.0));
        format!("{path}\n{} of {width}×{height} pixels{rate}", counted(*frames, "frame"))
    }
}

/// `1 frame`, `2 frames`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
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
    fn frames_are_listed_in_a_few_words() {
        let views = "2x3".parse().unwrap();
        assert_eq!(views_of(views, &[0, 2, 4, 9, 11, 13]), "2 clips of 3 frames, from 0, 9 on, 3 crops each");
        assert_eq!(frames(&[7]), "1 frame: 7");
        assert_eq!(frames(&[0, 2, 4, 0]), "4 frames: 0, 2, 4, 0");
        assert_eq!(frames(&(34..98).step_by(2).collect::<Vec<_>>()), "32 frames: 34, 36, 38, … 96");
    }
}
