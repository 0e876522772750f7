//! Several looks at one video, and what they say together.

use std::fmt;
use std::str::FromStr;

use super::batch::{Batch, Together};
use super::classes::{Classes, probabilities};
use super::forward::logits_alone;
use super::pass::Given;
use super::{ClipPass, Pass, Vivit};
use crate::gpu::Pending;
use crate::tensor::{Error, Result, Tensor};
use crate::video::{Crops, Sampling};
use crate::vivit::Labelling;

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

    /// The same for a model that has learnt from clips which were spread over their videos, if it has: a single clip is, too.
    pub fn sampling_spread(self, frames: usize, stride: usize, spread: bool) -> Sampling {
        match spread && self.clips == 1 {
            true => Sampling::Uniform { frames },
            false => self.sampling(frames, stride),
        }
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
#[non_exhaustive]
pub enum Average {
    /// The logits, as the published results are.
    #[default]
    Logits,
    /// The probabilities: of each head, and of each class where classes do not exclude one another.
    Probabilities,
}

impl Average {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Logits, Self::Probabilities];

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
        Self::ALL.iter().copied().find(|average| average.name() == name).ok_or_else(|| {
            Error::usage(format!("views are averaged by their logits or their probabilities, not {name}"))
        })
    }
}

impl Vivit {
    /// The classes of a clip; of a video by all its views, where the pass has several: `clips` are those that
    /// [`Views::sampling`] takes.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit) -> tubelet::Result<()> {
    /// use tubelet::{Pass, Views};
    ///
    /// let views: Views = "4x3".parse()?;
    /// let sampling = views.sampling(model.config().frames, 2);
    /// # #[cfg(feature = "video")] {
    /// let mut source = tubelet::video::open("clip.mp4")?;
    /// let clips = source.clips(&sampling)?;
    /// for class in model.classify(Pass::new().views(views).over(&clips))?.top(5) {
    ///     println!("{:5.1} %  {}", 100.0 * class.probability, class.name);
    /// }
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A model without a head; clips of another size, or another number of them than the views have; a pass with taps.
    pub fn classify_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Classes> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            let views = self.view_logits_async(pass.over(input)).await?;
            if views.len() != pass.views.count() {
                return Err(Error::usage(format!(
                    "{} clips are given, and classes are of one video: ask `classify_batch` for those of each",
                    views.len()
                )));
            }
            self.classes_of_views(&pass, &views)
        })
    }

    /// The classes of several videos, computed together as far as that is of use and the device has memory for it. A video
    /// has a clip, or as many as the views of the pass, its own next to each other.
    ///
    /// Each video's classes are those that [`classify_async`](Self::classify_async) gives for it alone, to the last bit.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clips: &[tubelet::video::Clip]) -> tubelet::Result<()> {
    /// for (index, classes) in model.classify_batch(clips)?.iter().enumerate() {
    ///     println!("clip {index}: {}", classes.top(1)[0].name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`classify_async`](Self::classify_async); no clip at all.
    pub fn classify_batch_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Vec<Classes>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            pass.without_taps("classify")?;
            let views = self.logits_of_views(&pass, input.given()).await?;
            views.chunks(pass.views.count()).map(|views| self.classes_of_views(&pass, views)).collect()
        })
    }

    /// The logits of each view, in scenic's order: the first crop of all clips, then the second, then the third.
    ///
    /// Views are computed together, as many as keep the device busy and fit its memory.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clips: &[tubelet::video::Clip]) -> tubelet::Result<()> {
    /// use tubelet::{Average, Pass};
    ///
    /// let views = model.view_logits(Pass::new().views("4x3".parse()?).over(clips))?;
    /// let logits = Average::Logits.of(&views, &model.config().labelling)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`classify_async`](Self::classify_async).
    pub fn view_logits_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Vec<Vec<f32>>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            pass.without_taps("classify")?;
            match input.given() {
                Given::Frames(clips) if clips.len() != pass.views.clips => {
                    let (views, wanted, given) = (pass.views, pass.views.clips, clips.len());
                    Err(Error::usage(format!(
                        "{given} clips are given where one video's views {views} are {wanted}: ask `classify_batch` for \
                         several videos"
                    )))
                }
                given => self.logits_of_views(&pass, given).await,
            }
        })
    }

    /// What the views of one video say together.
    fn classes_of_views(&self, pass: &Pass, views: &[Vec<f32>]) -> Result<Classes> {
        let labelling = &self.config().labelling;
        let labels = self.checkpoint().labels.as_deref();
        match views {
            [only] if pass.average == Average::Logits => Classes::new(only, labelling, labels),
            views => Classes::new(&pass.average.of(views, labelling)?, labelling, labels),
        }
    }

    /// The logits of all views of the first video, then of the second.
    async fn logits_of_views(&self, pass: &Pass, given: Given<'_>) -> Result<Vec<Vec<f32>>> {
        let Views { clips: each, crops } = pass.views;
        let clips = match given {
            Given::Frames(clips) => clips,
            Given::Prepared(clips) => {
                return self.rows_of_logits(&self.values("classify", pass, clips.into(), logits_alone).await?);
            }
            Given::Values(clips) => {
                return self.rows_of_logits(&self.values("classify", pass, clips.into(), logits_alone).await?);
            }
        };
        if pass.views.count() == 0 {
            return Err(Error::usage("views of no clips or no crops"));
        }
        if !clips.len().is_multiple_of(each) {
            let (views, given) = (pass.views, clips.len());
            return Err(Error::usage(format!("views {views} are of {each} clips a video, and {given} are given")));
        }
        let masks = self.masks(pass, clips.len())?;
        let mut batch = Batch::<Tensor>::new(self, pass, clips.len() * crops.count(), logits_alone)?;
        for (index, (clip, valid)) in clips.iter().zip(masks).enumerate() {
            let (video, clip_of_video) = (index / each, index % each);
            for (crop, prepared) in self.prepare_crops_async(*clip, crops).await?.into_iter().enumerate() {
                let view = (video * crops.count() + crop) * each + clip_of_video;
                batch.add(view, prepared, valid.clone()).await?;
            }
        }
        let mut logits = vec![Vec::new(); clips.len() * crops.count()];
        for Together { indices, values } in batch.finish().await? {
            indices.iter().zip(self.rows_of_logits(&values)?).for_each(|(index, found)| logits[*index] = found);
        }
        Ok(logits)
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
