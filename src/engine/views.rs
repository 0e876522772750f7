//! Several looks at one video, and what they say together.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;

use super::classes::{Classes, probabilities};
use super::forward::logits_alone;
use super::{ClipPass, Input, Pass, SharedExecutor, Vivit};
use crate::gpu::Pending;
use crate::graph::{Feed, MemoryPlan};
use crate::tensor::{Error, ErrorKind, Result};
use crate::video::{ClipFrames, Crops, PreparedClip, Sampling};
use crate::vivit::{self, FrameMask, Labelling};

/// The views of a video in a test: temporal clips × spatial crops (paper, section 4.1), written `4x3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Views {
    /// Temporal clips, as [`Sampling::Clips`] spreads them.
    pub clips: usize,
    /// Spatial crops of each clip.
    pub crops: Crops,
}

impl Default for Views {
    fn default() -> Self {
        Self::SINGLE
    }
}

/// More clips than any test takes of a video; up to here their views and frames can be counted.
const MOST_CLIPS: usize = 1 << 16;

impl Views {
    /// The central clip, its middle.
    pub const SINGLE: Self = Self { clips: 1, crops: Crops::Central };

    /// How many there are.
    pub fn count(self) -> usize {
        self.clips.saturating_mul(self.crops.count())
    }

    /// How the clips are taken: `frames` frames each, every `stride`-th of the video.
    pub fn sampling(self, frames: usize, stride: usize) -> Sampling {
        Sampling::Clips { frames, stride, clips: self.clips }
    }
}

impl fmt::Display for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.clips, self.crops.count())
    }
}

impl FromStr for Views {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once(['x', '×']).and_then(|(clips, crops)| Some((clips.parse().ok()?, crops)));
        match numbers {
            Some((clips, "1" | "3")) if clips > MOST_CLIPS => {
                Err(Error::usage(format!("views of {clips} clips are too many; there are at most {MOST_CLIPS}")))
            }
            Some((clips, "1")) if clips > 0 => Ok(Self { clips, crops: Crops::Central }),
            Some((clips, "3")) if clips > 0 => Ok(Self { clips, crops: Crops::Three }),
            _ => Err(Error::usage(format!(
                "views are written as 4x3, temporal clips by spatial crops, and crops are 1 or 3; {text} is not"
            ))),
        }
    }
}

/// What is averaged over views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Average {
    /// The logits, as the published results are.
    #[default]
    Logits,
    /// The probabilities: of each head, and of each class where classes do not exclude one another.
    Probabilities,
}

impl Average {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Logits, Self::Probabilities];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logits => "logits",
            Self::Probabilities => "probabilities",
        }
    }

    /// The logits of all views as those of one, in f64. Where probabilities are averaged, they are the logits that have
    /// the mean probabilities.
    ///
    /// An error for no views, for views of different lengths, and for what [`Classes::new`] refuses.
    pub fn of(self, views: &[Vec<f32>], labelling: &Labelling) -> Result<Vec<f32>> {
        for view in views {
            Classes::new(view, labelling, None)?;
        }
        let probabilities = |sign: f32| -> Result<Vec<f64>> {
            let of =
                |view: &Vec<f32>| probabilities(labelling, &view.iter().map(|logit| sign * logit).collect::<Vec<_>>());
            mean(&views.iter().map(of).collect::<Result<Vec<_>>>()?)
        };
        let logits = match (self, labelling) {
            (Self::Logits, _) => mean(views)?,
            (Self::Probabilities, Labelling::Regression) => {
                return Err(Error::usage(
                    "this model gives values (regression), which have no probabilities to be averaged: average the logits, \
                     which are these values",
                ));
            }
            (Self::Probabilities, Labelling::Multiple) => {
                // The probability that a class does not apply has the negative logit.
                let (yes, no) = (probabilities(1.0)?, probabilities(-1.0)?);
                yes.into_iter().zip(no).map(|(yes, no)| finite_ln(yes) - finite_ln(no)).collect()
            }
            (Self::Probabilities, _) => probabilities(1.0)?.into_iter().map(finite_ln).collect(),
        };
        Ok(logits.into_iter().map(|logit| logit as f32).collect())
    }
}

/// Parts of a slice, in order, each as large as the device has memory for.
struct Parts<'a, T>(Vec<&'a [T]>);

impl<'a, T> Parts<'a, T> {
    /// All `items` as one part.
    fn of(items: &'a [T]) -> Self {
        Self(vec![items])
    }

    /// The next part.
    fn next(&mut self) -> Option<&'a [T]> {
        self.0.pop()
    }

    /// Puts a part that failed for lack of memory back in halves, and returns their size; else returns `error`.
    fn halve(&mut self, part: &'a [T], error: Error) -> Result<usize> {
        if error.kind() != ErrorKind::OutOfMemory || part.len() < 2 {
            return Err(error);
        }
        let half = part.len().div_ceil(2);
        self.0.extend(part.chunks(half).rev());
        Ok(half)
    }
}

/// The mean of each class over all views.
fn mean<T: Copy + Into<f64>>(views: &[Vec<T>]) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; views.first().map_or(0, Vec::len)];
    if sums.is_empty() || views.iter().any(|view| view.len() != sums.len()) {
        return Err(Error::usage("an average of no views, or of views with different numbers of classes"));
    }
    for view in views {
        sums.iter_mut().zip(view).for_each(|(sum, value)| *sum += (*value).into());
    }
    Ok(sums.into_iter().map(|sum| sum / views.len() as f64).collect())
}

/// A logarithm that a probability too small for a number does not make infinite.
fn finite_ln(probability: f64) -> f64 {
    probability.max(f64::MIN_POSITIVE).ln()
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Average {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|average| average.name() == name).ok_or_else(|| {
            Error::usage(format!("views are averaged by their logits or their probabilities, not {name}"))
        })
    }
}

/// Intermediate values of views that are computed together. A view of ViT-B alone keeps a GPU busy, so that more at a time
/// would take memory and give nothing.
const MOST_BATCH_BYTES: u64 = 1 << 30;

impl Vivit {
    /// The classes of a clip; of a video by all its views, where the pass has several: `clips` are those that
    /// [`Views::sampling`] takes.
    ///
    /// # Errors
    ///
    /// A model without a head; clips of another size, or another number of them than the views have; a pass with taps.
    pub fn classify_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Classes> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            let labelling = &self.config().labelling;
            let views = self.view_logits_async(pass.over(input)).await?;
            if views.len() != pass.views.count() {
                return Err(Error::usage(format!(
                    "{} clips are given, and classes are of one video: ask `view_logits` for those of each",
                    views.len()
                )));
            }
            let logits = match views.as_slice() {
                [only] if pass.average == Average::Logits => only.clone(),
                views => pass.average.of(views, labelling)?,
            };
            Classes::new(&logits, labelling, self.checkpoint().labels.as_deref())
        })
    }

    /// The logits of each view, in scenic's order: the first crop of all clips, then the second, then the third.
    ///
    /// Views are computed together, as many as keep the device busy and fit its memory.
    ///
    /// # Errors
    ///
    /// As [`classify_async`](Self::classify_async).
    pub fn view_logits_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Vec<Vec<f32>>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            pass.without_taps("classify")?;
            match input {
                Input::Clip(clip) if pass.views.count() > 1 => self.logits_of_all_views(&pass, &[clip.into()]).await,
                Input::Frames(frames) if pass.views.count() > 1 => {
                    self.logits_of_all_views(&pass, &[frames.into()]).await
                }
                Input::Clips(clips) => {
                    self.logits_of_all_views(&pass, &clips.iter().map(ClipFrames::from).collect::<Vec<_>>()).await
                }
                input => self.logits(&pass, input).await,
            }
        })
    }

    async fn logits_of_all_views(&self, pass: &Pass, clips: &[ClipFrames<'_>]) -> Result<Vec<Vec<f32>>> {
        let views = pass.views;
        if clips.len() != views.clips {
            return Err(Error::usage(format!("views {views} are of {} clips, not of {}", views.clips, clips.len())));
        }
        let mut logits = vec![Vec::new(); views.count()];
        let mut waiting: Vec<(usize, PreparedClip)> = Vec::new();
        let mut computed = 0;
        let at_once = self.views_at_once(pass)?;
        for (index, clip) in clips.iter().enumerate() {
            let crops = self.prepare_crops_async(*clip, views.crops).await?.into_iter().enumerate();
            waiting.extend(crops.map(|(crop, prepared)| (crop * views.clips + index, prepared)));
            let last = index + 1 == clips.len();
            let at_once = at_once.min(self.loaded.most_views.load(Ordering::Relaxed));
            while waiting.len() >= at_once || last && !waiting.is_empty() {
                let rest = waiting.split_off(at_once.min(waiting.len()));
                self.compute_views(&waiting, pass, &mut logits).await?;
                computed += waiting.len();
                pass.tell(computed);
                waiting = rest;
            }
        }
        Ok(logits)
    }

    /// The executor of the views that are computed together.
    pub(super) async fn executor_of_views(&self, pass: &Pass) -> Result<SharedExecutor> {
        loop {
            let at_once = self.views_at_once(pass)?;
            match self.executor(&pass.request(at_once, pass.layout.unwrap_or(self.layout()))).await {
                Err(error) if error.kind() == ErrorKind::OutOfMemory && at_once > 1 => {
                    self.limit_views(at_once.div_ceil(2)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// How many views are computed at a time: equally many each time, so that one executor serves all.
    fn views_at_once(&self, pass: &Pass) -> Result<usize> {
        let views = pass.views.count();
        match views {
            0 => return Err(Error::usage("views of no clips or no crops")),
            1 => return Ok(1),
            _ => {}
        }
        let request = pass.request(1, self.layout());
        let bytes = MemoryPlan::new(&vivit::record(self.config(), &request)?.graph).bytes();
        let useful = (MOST_BATCH_BYTES / bytes.max(1)).clamp(1, views as u64) as usize;
        let most = useful.min(self.clips_at_once(&request)?).min(self.loaded.most_views.load(Ordering::Relaxed));
        Ok(views.div_ceil(views.div_ceil(most)))
    }

    /// Writes the logits of `views`, each with its index, to `logits`.
    async fn compute_views(&self, views: &[(usize, PreparedClip)], pass: &Pass, logits: &mut [Vec<f32>]) -> Result<()> {
        let mut parts = Parts::of(views);
        while let Some(part) = parts.next() {
            match self.batch_logits(part, pass).await {
                Ok(found) => part.iter().zip(found).for_each(|((index, _), found)| logits[*index] = found),
                Err(error) => self.limit_views(parts.halve(part, error)?).await,
            }
        }
        Ok(())
    }

    /// Computes no more than `most` views at a time from now on.
    async fn limit_views(&self, most: usize) {
        tracing::debug!("too little memory for more than {most} views at a time");
        self.loaded.most_views.fetch_min(most, Ordering::Relaxed);
        self.loaded.executors.take().await.clear();
    }

    /// The logits of views in one batch.
    async fn batch_logits(&self, views: &[(usize, PreparedClip)], pass: &Pass) -> Result<Vec<Vec<f32>>> {
        let batch = PreparedClip::batch(self.device(), &views.iter().map(|(_, view)| view).collect::<Vec<_>>()).await?;
        let valid = pass.mask.valid.as_ref().map(|valid| valid.repeat(views.len()));
        let mask = FrameMask { valid, ..pass.mask.clone() };
        let request = pass.request(views.len(), self.layout());
        self.check_prepared(&batch, &request)?;
        let found = self.run(&request, Feed::Device(batch.memory()), &mask, logits_alone).await?;
        self.rows_of_logits(&found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::LabelHead;

    #[test]
    fn views_are_parsed_as_they_are_written() {
        let views: Views = "4x3".parse().unwrap();
        assert_eq!((views.count(), views.to_string()), (12, "4x3".into()));
        assert_eq!("1x1".parse::<Views>().unwrap(), Views::SINGLE);
        assert_eq!(views.sampling(32, 2).indices(250).unwrap().len(), 4);
        for text in ["4", "0x3", "4x2", "x3", "4x3x1", "-1x3", "4x", "axb"] {
            assert!(text.parse::<Views>().unwrap_err().to_string().contains("4x3"), "{text}");
        }
        for text in ["6148914691236517206x3", "65537x1"] {
            assert!(text.parse::<Views>().unwrap_err().to_string().contains("at most 65536"), "{text}");
        }
        assert_eq!(Views { clips: usize::MAX, crops: Crops::Three }.count(), usize::MAX);
    }

    fn softmax(logits: &[f32]) -> Vec<f32> {
        Classes::new(logits, &Labelling::Single, None).unwrap().all().iter().map(|class| class.probability).collect()
    }

    #[test]
    fn averages_differ_in_what_they_average() {
        let views = [vec![0.0, 8.0, 1.0], vec![6.0, 0.0, 4.0]];
        assert_eq!(Average::Logits.of(&views, &Labelling::Single).unwrap(), [3.0, 4.0, 2.5]);
        let found = softmax(&Average::Probabilities.of(&views, &Labelling::Single).unwrap());
        let expected: Vec<f32> =
            softmax(&views[0]).iter().zip(softmax(&views[1])).map(|(first, second)| (first + second) / 2.0).collect();
        approx::assert_relative_eq!(found.as_slice(), expected.as_slice(), epsilon = 1e-6);
        // One view is itself, whatever is averaged.
        let alone = softmax(&Average::Probabilities.of(&views[..1], &Labelling::Single).unwrap());
        approx::assert_relative_eq!(alone.as_slice(), softmax(&views[0]).as_slice(), epsilon = 1e-6);
    }

    #[test]
    fn probabilities_are_averaged_in_each_head_or_class() {
        let views = [vec![0.0, 2.0, 1.0, 1.0], vec![4.0, 0.0, 3.0, 1.0]];
        let head = |name: &str| LabelHead { name: name.into(), classes: 2 };
        let labelling = Labelling::Heads(vec![head("noun"), head("verb")]);
        let found = Average::Probabilities.of(&views, &labelling).unwrap();
        let expected =
            |from: usize| -> f32 { views.iter().map(|view| softmax(&view[from..from + 2])[0]).sum::<f32>() / 2.0 };
        for from in [0, 2] {
            approx::assert_relative_eq!(softmax(&found[from..from + 2])[0], expected(from), epsilon = 1e-6);
        }
        let found = Average::Probabilities.of(&views, &Labelling::Multiple).unwrap();
        let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
        for (class, logit) in found.into_iter().enumerate() {
            let expected = (sigmoid(views[0][class]) + sigmoid(views[1][class])) / 2.0;
            approx::assert_relative_eq!(sigmoid(logit), expected, epsilon = 1e-6);
        }
    }

    #[test]
    fn what_does_not_fit_is_computed_in_halves() {
        let computed = |fits: usize| {
            let (mut done, mut tried) = (Vec::new(), Vec::new());
            let mut parts = Parts::of(&[1, 2, 3, 4, 5]);
            while let Some(part) = parts.next() {
                if part.len() <= fits {
                    done.extend_from_slice(part);
                    continue;
                }
                match parts.halve(part, Error::new(ErrorKind::OutOfMemory, "full")) {
                    Ok(half) => tried.push(half),
                    Err(_) => return (false, done, tried),
                }
            }
            (true, done, tried)
        };
        assert_eq!(computed(5), (true, vec![1, 2, 3, 4, 5], vec![]));
        assert_eq!(computed(2), (true, vec![1, 2, 3, 4, 5], vec![3, 2]));
        assert_eq!(computed(0), (false, vec![], vec![3, 2, 1]));
        let error = Parts::of(&[1, 2]).halve(&[1, 2], Error::new(ErrorKind::DeviceLost, "gone")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeviceLost);
    }

    #[test]
    fn extremes_stay_finite_and_nonsense_is_an_error() {
        let views = [vec![-2000.0, 2000.0]];
        for labelling in [Labelling::Single, Labelling::Multiple] {
            let found = Average::Probabilities.of(&views, &labelling).unwrap();
            assert!(found.iter().all(|logit| logit.is_finite()) && found[0] < found[1], "{found:?}");
        }
        assert_eq!(Average::Logits.of(&[vec![1.0], vec![2.0]], &Labelling::Regression).unwrap(), [1.5]);
        let error = Average::Probabilities.of(&[vec![1.0]], &Labelling::Regression).unwrap_err().to_string();
        assert!(error.contains("no probabilities to be averaged"), "{error}");
        for views in [vec![], vec![vec![1.0], vec![1.0, 2.0]], vec![vec![f32::NAN]]] {
            assert!(Average::Logits.of(&views, &Labelling::Single).is_err());
        }
    }
}
