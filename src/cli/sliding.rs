//! `tubelet classify --sliding`: a window over a whole video, or over a source without end.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tubelet::checkpoint::Provenance;
use tubelet::engine::{SlidingOptions, WindowClasses};
use tubelet::report::{Line, Timeline};
use tubelet::tensor::{Error, Result};
use tubelet::video::{FrameSource, Information};
use tubelet::vivit::Labelling;
use tubelet::{Class, Pass, Vivit};

use super::arguments::at_least_one;
use super::interruption::{Finishing, interrupted};
use super::preamble::Preamble;
use super::{files, output, progress};

/// How a window slides over the video, where it does.
#[derive(clap::Args)]
pub(super) struct SlidingArguments {
    /// Classify every window of this many looked-at frames while the video goes by; its length does not matter, and `-`
    /// reads a stream of YUV4MPEG2 frames from standard input.
    #[arg(long, value_name = "FRAMES", value_parser = at_least_one, help_heading = "Sliding window",
        conflicts_with_all = ["frames_from", "uniform", "views", "average", "clip_frames"],
        conflicts_with_all = ["valid_frames", "tubelet_mask", "empty_row"])]
    pub(super) sliding: Option<usize>,
    /// Looked-at frames from the start of one window to that of the next; those of a tubelet unless told otherwise.
    #[arg(long, value_name = "FRAMES", value_parser = at_least_one, requires = "sliding", help_heading = "Sliding window")]
    step: Option<usize>,
    /// Draw the most probable classes over time, --top of them and at most 8, as .svg or .png.
    #[arg(long, value_name = "FILE", requires = "sliding", help_heading = "Sliding window")]
    pub(super) plot: Option<PathBuf>,
}

/// One window, as a line of JSON.
#[derive(Serialize)]
struct WindowReport<'a> {
    #[serde(flatten)]
    preamble: &'a Preamble,
    frames: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<[f64; 2]>,
    classes: &'a [Class],
}

/// What decides how windows are shown.
pub(super) struct Showing {
    pub(super) preamble: Preamble,
    /// The video's name in titles.
    pub(super) video: String,
    pub(super) stride: usize,
    pub(super) pass: Pass,
    pub(super) top: usize,
    pub(super) json: bool,
}

impl SlidingArguments {
    /// An error where the plot cannot be drawn, before anything else is done.
    pub(super) fn check(&self, video: &Path) -> Result<()> {
        self.plot.as_deref().map_or(Ok(()), |path| files::check_output(path, &["svg", "png"], &[video]))
    }

    /// Slides the model's window over `source` and prints each window as it is complete, as long as somebody reads.
    pub(super) fn run(&self, model: &Vivit, source: &mut dyn FrameSource, showing: &Showing) -> Result<()> {
        if self.plot.is_some() && model.config().labelling == Labelling::Regression {
            return Err(Error::usage("--plot draws probabilities, and this model gives values (regression)"));
        }
        let step = self.step.unwrap_or(model.config().tubelet.frames);
        let options = SlidingOptions::new(step).stride(showing.stride);
        let mut sliding = progress::showing_upload(model, || model.sliding(options, &showing.pass))?;
        let rate = source.information().frames_per_second;
        let facts = facts(model, source, options, showing.pass.mask.causal);
        let mut plot = self.plot.is_some().then(|| Plot::new(showing.top));
        let mut times = Times { first: 0, shown: VecDeque::new(), rate };
        let mut frames = 0usize;
        let mut windows = 0usize;
        let spinner = progress::spinner("classifying");
        // A source without end is ended by a signal, and then the plot is wanted.
        let _finishing = plot.is_some().then(Finishing::begin);
        let watched = source.watch(&mut |frame| {
            if interrupted() {
                return Ok(ControlFlow::Break(()));
            }
            frames += 1;
            times.shown.push_back(frame.shown());
            let Some(window) = sliding.push(frame)? else { return Ok(ControlFlow::Continue(())) };
            windows += 1;
            if windows == 1 && !showing.json {
                spinner.suspend(|| output::print(&facts).and_then(|()| output::print("")))?;
            }
            let seconds = times.of(window.frames);
            let printed = spinner.suspend(|| print_window(&window, seconds, showing))?;
            spinner.set_message(format!("{windows} windows, {frames} frames"));
            match &mut plot {
                None => Ok(printed),
                // Where nobody reads the windows, they are still wanted for the plot.
                Some(plot) => {
                    plot.add(&window, seconds);
                    Ok(ControlFlow::Continue(()))
                }
            }
        });
        spinner.finish_and_clear();
        // The signal may have ended whatever gives the frames as well.
        if !interrupted() {
            watched?;
        } else if windows == 0 {
            return Ok(());
        }
        if windows == 0 {
            let needed = (model.config().frames - 1) * showing.stride + 1;
            return Err(Error::usage(format!(
                "the video has {frames} frames, but a window of {} with stride {} needs {needed}: take a smaller stride \
                 or shorter windows",
                model.config().frames,
                showing.stride
            )));
        }
        if let Some(complaint) = &source.information().complaint {
            output::note(complaint);
        }
        match (plot, &self.plot) {
            (Some(plot), Some(path)) => {
                plot.timeline(format!("{}: {}", showing.video, model.checkpoint().source)).write(path)
            }
            _ => Ok(()),
        }
    }
}

/// What is done, before it is done: there may be no end.
fn facts(model: &Vivit, source: &dyn FrameSource, options: SlidingOptions, causal: bool) -> String {
    let Information { height, width, frames_per_second, .. } = *source.information();
    let rate = frames_per_second.map_or(String::new(), |rate| format!(", {} a second", (100.0 * rate).round() / 100.0));
    let SlidingOptions { stride, step, .. } = options;
    let untrained = model.checkpoint().provenance == Provenance::Untrained;
    let frames = model.config().frames;
    output::fields([
        ("video", format!("{width}×{height} pixels{rate}")),
        (
            "windows",
            format!(
                "{frames} frames, {}; the next {step} frames later{}",
                if stride == 1 { "every one".to_owned() } else { format!("one of {stride}") },
                if causal { "; causal" } else { "" }
            ),
        ),
        ("values", model.preprocessing().range()),
        (
            "model",
            format!("{}{}", model.checkpoint().source, if untrained { ": PREDICTIONS MEAN NOTHING" } else { "" }),
        ),
        ("device", model.device().name().to_owned()),
    ])
}

/// When the frames that may be in the next window are shown.
struct Times {
    /// Index of the first frame.
    first: usize,
    shown: VecDeque<Option<[f64; 2]>>,
    /// For frames that do not know.
    rate: Option<f64>,
}

impl Times {
    /// From when until when a window's frames are shown. The frames before it are forgotten.
    fn of(&mut self, [first, last]: [usize; 2]) -> Option<[f64; 2]> {
        self.shown.drain(..(first - self.first).min(self.shown.len()));
        self.first = first;
        let shown = |frame: usize| self.shown.get(frame - first).copied().flatten();
        match (shown(first), shown(last)) {
            (Some([start, _]), Some([_, end])) => Some([start, end]),
            _ => self.rate.map(|rate| [first as f64 / rate, (last + 1) as f64 / rate]),
        }
    }
}

fn print_window(window: &WindowClasses, seconds: Option<[f64; 2]>, showing: &Showing) -> Result<ControlFlow<()>> {
    let classes = window.classes.top(showing.top);
    if showing.json {
        let (preamble, frames) = (&showing.preamble, window.frames);
        return output::json_line(&WindowReport { preamble, frames, seconds, classes: &classes });
    }
    let span = match seconds {
        Some([start, end]) => format!("{start:8.2} to {end:8.2} s"),
        None => format!("frames {:6} to {:6}", window.frames[0], window.frames[1]),
    };
    let named = classes.iter().map(|class| format!("{:>7} {}", class.score(), class.name));
    output::line(&format!("{span}  {}", named.collect::<Vec<_>>().join("  ")))
}

/// What the plot shows. An endless source ends nowhere, so only the last windows are kept.
struct Plot {
    /// How many lines there are at most.
    lines: usize,
    /// How many classes each head has.
    heads: Vec<usize>,
    /// Names of the classes that were ever among a window's best.
    names: HashMap<usize, String>,
    windows: VecDeque<PlottedWindow>,
}

struct PlottedWindow {
    span: [f64; 2],
    /// Indices of its most probable classes.
    best: Vec<usize>,
    /// Of all classes of all heads, in the order of the logits.
    probabilities: Vec<f32>,
}

/// More windows than a plot has columns of pixels.
const MOST_WINDOWS: usize = 10_000;
/// More lines than eyes can tell apart.
const LINES: usize = 8;

impl Plot {
    fn new(top: usize) -> Self {
        Self { lines: top.min(LINES), heads: Vec::new(), names: HashMap::new(), windows: VecDeque::new() }
    }

    fn add(&mut self, window: &WindowClasses, seconds: Option<[f64; 2]>) {
        if self.windows.len() == MOST_WINDOWS {
            self.windows.pop_front();
        }
        if self.heads.is_empty() {
            self.heads = window.classes.heads().map(|head| head.all().len()).collect();
        }
        let best = window.classes.top(self.lines);
        self.windows.push_back(PlottedWindow {
            span: seconds.unwrap_or(window.frames.map(|frame| frame as f64)),
            best: best.iter().map(|class| class.index).collect(),
            probabilities: window.classes.all().iter().map(|class| class.probability).collect(),
        });
        self.names.extend(best.into_iter().map(|class| (class.index, class.name)));
    }

    /// The probability of a class in a window; with several heads, of one class of each together.
    fn probability(&self, window: &PlottedWindow, index: usize) -> f32 {
        let (mut rest, mut end, mut product) = (index, window.probabilities.len(), 1.0);
        for classes in self.heads.iter().rev() {
            end -= classes;
            product *= window.probabilities[end + rest % classes];
            rest /= classes;
        }
        product
    }

    /// Lines for the classes that reach the highest probabilities: each is among the best where it does.
    fn timeline(&self, title: String) -> Timeline {
        let mut peaks: HashMap<usize, f32> = HashMap::new();
        for window in &self.windows {
            for &index in &window.best {
                let peak = peaks.entry(index).or_default();
                *peak = peak.max(self.probability(window, index));
            }
        }
        let mut peaks: Vec<_> = peaks.into_iter().collect();
        peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        peaks.truncate(self.lines);
        let line = |(index, _): (usize, f32)| {
            let values = self.windows.iter().map(|window| self.probability(window, index)).collect();
            Line::new(self.names.get(&index).cloned().unwrap_or_default(), values)
        };
        let windows = self.windows.iter().map(|window| window.span).collect();
        Timeline::new(title, windows, peaks.into_iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tubelet::Classes;
    use tubelet::vivit::{LabelHead, Labelling};

    fn plot(labelling: &Labelling, windows: &[Vec<f32>], top: usize) -> Timeline {
        let mut plot = Plot::new(top);
        for (index, logits) in windows.iter().enumerate() {
            let classes = Classes::new(logits, labelling, None).unwrap();
            plot.add(&WindowClasses::new([index, index + 1], classes), None);
        }
        plot.timeline("a video".to_owned())
    }

    #[test]
    fn lines_go_on_where_their_class_is_not_among_the_best() {
        let rising: Vec<f32> = (0..20).map(|class| class as f32 / 4.0).collect();
        let falling: Vec<f32> = rising.iter().rev().copied().collect();
        let timeline = plot(&Labelling::Single, &[rising, falling], 5);
        assert_eq!(timeline.classes.len(), 5);
        assert_eq!(timeline.classes[0].name, "class 0");
        assert!(timeline.classes.iter().flat_map(|line| &line.values).all(|value| *value > 0.0));
    }

    #[test]
    fn heads_are_drawn_together() {
        let head = |name: &str, classes| LabelHead { name: name.into(), classes };
        let labelling = Labelling::Heads(vec![head("noun", 2), head("verb", 3)]);
        let logits = vec![0.0, 2.0, 1.0, 0.0, 3.0];
        let expected = Classes::new(&logits, &labelling, None).unwrap().top(6);
        let timeline = plot(&labelling, &[logits], 20);
        for (line, class) in timeline.classes.iter().zip(&expected) {
            assert_eq!((line.name.as_str(), line.values[0]), (class.name.as_str(), class.probability));
        }
        assert_eq!(timeline.classes.len(), expected.len());
    }
}
