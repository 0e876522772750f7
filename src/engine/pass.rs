//! What a model is asked: a [`Pass`], and the clips that it is made over.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{AttentionQuery, Average, Views};
use crate::gpu::DeviceFrames;
use crate::graph::Taps;
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result, Tensor};
use crate::video::{Clip, ClipFrames, PreparedClip};
use crate::vivit::{AttentionLayer, FrameMask, Request};

/// What is asked of a forward pass beside the clip. By default: everything is seen, one view, nothing but the output.
///
/// Every verb of [`Vivit`](super::Vivit) takes a clip alone, or a pass [`over`](Self::over) one:
///
/// ```no_run
/// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
/// use tubelet::Pass;
///
/// let classes = model.classify(clip)?;
/// let of_three_crops = model.classify(Pass::new().views("1x3".parse()?).over(clip))?;
/// let inside = model.forward(Pass::new().tap("hidden_state.4").over(clip))?;
/// # Ok(())
/// # }
/// ```
///
/// A verb refuses what it cannot do: values that it does not return, several views where it looks at one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pass {
    /// The order of the axes of clips that are tensors; `None` for the model's own.
    pub layout: Option<ClipLayout>,
    /// Which frames of a clip are not seen, and whether the future is. The mask applies to each of several views.
    pub mask: FrameMask,
    /// Values inside the model that are returned beside its output.
    pub taps: Taps,
    /// The views of a video that are taken.
    pub views: Views,
    /// What is averaged over them.
    pub average: Average,
    /// The layers of an attention map.
    pub layer: AttentionLayer,
    /// Whose attention the map shows.
    pub query: AttentionQuery,
    pub(super) progress: Option<Progress>,
}

/// Called with the number of views computed so far.
#[derive(Clone)]
pub(super) struct Progress(Arc<dyn Fn(usize) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Pass {
    /// A pass that sees everything and returns nothing but the output.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clips that are tensors have their axes in this order, instead of the model's own.
    #[must_use]
    pub fn layout(self, layout: ClipLayout) -> Self {
        Self { layout: Some(layout), ..self }
    }

    /// Masks frames: F for each clip of a batch, clip after clip.
    #[must_use]
    pub fn mask(self, mask: FrameMask) -> Self {
        Self { mask, ..self }
    }

    /// Returns the values that `taps` names, too.
    #[must_use]
    pub fn taps(self, taps: Taps) -> Self {
        Self { taps, ..self }
    }

    /// Returns the value called `name`, too, beside those named before.
    ///
    /// A model's values are `hidden_state.1` to `hidden_state.L` (the outputs of its layers), `sequence_output`, `pooled` and
    /// what its graph computes between them; in Model 2 those of its encoders begin with `spatial.` and `temporal.`. The error
    /// for a name that there is not lists all that there are.
    #[must_use]
    pub fn tap(self, name: impl Into<String>) -> Self {
        let taps = match self.taps {
            Taps::All => Taps::All,
            Taps::None => Taps::Names([name.into()].into()),
            Taps::Names(mut names) => {
                names.insert(name.into());
                Taps::Names(names)
            }
        };
        Self { taps, ..self }
    }

    /// Looks at these views of a video.
    #[must_use]
    pub fn views(self, views: Views) -> Self {
        Self { views, ..self }
    }

    /// Averages this over the views.
    #[must_use]
    pub fn average(self, average: Average) -> Self {
        Self { average, ..self }
    }

    /// Shows the attention of these layers.
    #[must_use]
    pub fn layer(self, layer: AttentionLayer) -> Self {
        Self { layer, ..self }
    }

    /// Shows the attention of this query.
    #[must_use]
    pub fn query(self, query: AttentionQuery) -> Self {
        Self { query, ..self }
    }

    /// Calls `told` with the number of views computed so far, each time that it grows.
    #[must_use]
    pub fn progress(self, told: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Progress(Arc::new(told))), ..self }
    }

    /// This pass over a clip, the clips of a video's views, or a batch in a tensor.
    #[must_use]
    pub fn over<'a>(&'a self, input: impl Into<Input<'a>>) -> ClipPass<'a> {
        ClipPass { pass: Cow::Borrowed(self), input: input.into() }
    }

    /// What a graph for `batch` clips in `layout` must compute for this pass.
    pub(super) fn request(&self, batch: usize, layout: ClipLayout) -> Request {
        Request { taps: self.taps.clone(), masking: self.mask.masking(), ..Request::new(batch, layout) }
    }

    pub(super) fn tell(&self, computed: usize) {
        self.progress.iter().for_each(|Progress(told)| told(computed));
    }

    /// An error where values are tapped that `verb` does not return.
    pub(super) fn without_taps(&self, verb: &str) -> Result<()> {
        match self.taps {
            Taps::None => Ok(()),
            _ => Err(Error::usage(format!("{verb} returns no values inside the model; ask `forward` for them"))),
        }
    }

    /// An error where there are several views, of which `verb` takes one.
    pub(super) fn of_one_view(&self, verb: &str) -> Result<()> {
        match self.views.count() {
            1 => Ok(()),
            _ => Err(Error::usage(format!(
                "{verb} looks at one view here, not at {}; `classify` averages those of a video's decoded clips",
                self.views
            ))),
        }
    }
}

/// What a pass is made over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A clip as it was decoded.
    Clip(&'a Clip),
    /// A clip in textures or a buffer on the model's device.
    Frames(&'a DeviceFrames),
    /// Several clips: those of a video's views, as [`Views::sampling`] takes them, or those of several videos.
    Clips(&'a [Clip]),
    /// Several clips on the model's device.
    AllFrames(&'a [DeviceFrames]),
    /// A clip on the model's device, as [`prepare`](super::Vivit::prepare) makes it.
    Prepared(&'a PreparedClip),
    /// Several of them.
    AllPrepared(&'a [PreparedClip]),
    /// A batch of clips in host memory, `[B, F, P, Y, X]` or `[B, F, Y, X, P]`.
    Values(&'a Tensor),
}

/// What is given to a verb, one clip or several.
pub(super) enum Given<'a> {
    /// Clips that are not prepared yet.
    Frames(Vec<ClipFrames<'a>>),
    Prepared(&'a [PreparedClip]),
    Values(&'a Tensor),
}

impl<'a> Input<'a> {
    pub(super) fn given(self) -> Given<'a> {
        match self {
            Self::Clip(clip) => Given::Frames(vec![clip.into()]),
            Self::Frames(frames) => Given::Frames(vec![frames.into()]),
            Self::Clips(clips) => Given::Frames(clips.iter().map(ClipFrames::from).collect()),
            Self::AllFrames(clips) => Given::Frames(clips.iter().map(ClipFrames::from).collect()),
            Self::Prepared(clip) => Given::Prepared(std::slice::from_ref(clip)),
            Self::AllPrepared(clips) => Given::Prepared(clips),
            Self::Values(values) => Given::Values(values),
        }
    }
}

impl Given<'_> {
    /// How many clips.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Frames(clips) => clips.len(),
            Self::Prepared(clips) => clips.len(),
            Self::Values(values) => values.shape().axes().first().copied().unwrap_or(0),
        }
    }
}

impl<'a> From<&'a DeviceFrames> for Input<'a> {
    fn from(frames: &'a DeviceFrames) -> Self {
        Self::Frames(frames)
    }
}

impl<'a> From<&'a Clip> for Input<'a> {
    fn from(clip: &'a Clip) -> Self {
        Self::Clip(clip)
    }
}

impl<'a> From<&'a [Clip]> for Input<'a> {
    fn from(clips: &'a [Clip]) -> Self {
        Self::Clips(clips)
    }
}

impl<'a, const N: usize> From<&'a [Clip; N]> for Input<'a> {
    fn from(clips: &'a [Clip; N]) -> Self {
        Self::Clips(clips)
    }
}

impl<'a> From<&'a Vec<Clip>> for Input<'a> {
    fn from(clips: &'a Vec<Clip>) -> Self {
        Self::Clips(clips)
    }
}

impl<'a> From<&'a [DeviceFrames]> for Input<'a> {
    fn from(clips: &'a [DeviceFrames]) -> Self {
        Self::AllFrames(clips)
    }
}

impl<'a, const N: usize> From<&'a [DeviceFrames; N]> for Input<'a> {
    fn from(clips: &'a [DeviceFrames; N]) -> Self {
        Self::AllFrames(clips)
    }
}

impl<'a> From<&'a Vec<DeviceFrames>> for Input<'a> {
    fn from(clips: &'a Vec<DeviceFrames>) -> Self {
        Self::AllFrames(clips)
    }
}

impl<'a> From<&'a [PreparedClip]> for Input<'a> {
    fn from(clips: &'a [PreparedClip]) -> Self {
        Self::AllPrepared(clips)
    }
}

impl<'a, const N: usize> From<&'a [PreparedClip; N]> for Input<'a> {
    fn from(clips: &'a [PreparedClip; N]) -> Self {
        Self::AllPrepared(clips)
    }
}

impl<'a> From<&'a Vec<PreparedClip>> for Input<'a> {
    fn from(clips: &'a Vec<PreparedClip>) -> Self {
        Self::AllPrepared(clips)
    }
}

impl<'a> From<&'a PreparedClip> for Input<'a> {
    fn from(clip: &'a PreparedClip) -> Self {
        Self::Prepared(clip)
    }
}

impl<'a> From<&'a Tensor> for Input<'a> {
    fn from(values: &'a Tensor) -> Self {
        Self::Values(values)
    }
}

/// A pass over given clips: what [`Pass::over`] makes, and what a clip alone becomes.
#[derive(Clone, Debug)]
pub struct ClipPass<'a> {
    pub(super) pass: Cow<'a, Pass>,
    pub(super) input: Input<'a>,
}

impl<'a, I: Into<Input<'a>>> From<I> for ClipPass<'a> {
    fn from(input: I) -> Self {
        Self { pass: Cow::Owned(Pass::new()), input: input.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_add_up() {
        let named = Pass::new().tap("pooled").tap("logits");
        assert_eq!(named.taps, Taps::Names(["logits".to_owned(), "pooled".to_owned()].into()));
        assert_eq!(Pass::new().taps(Taps::All).tap("pooled").taps, Taps::All);
    }

    #[test]
    fn what_a_verb_cannot_do_is_refused() {
        let tapped = Pass::new().tap("pooled").without_taps("classify").unwrap_err().to_string();
        assert!(tapped.contains("classify") && tapped.contains("`forward`"), "{tapped}");
        let views = Pass::new().views("4x3".parse().unwrap()).of_one_view("features").unwrap_err().to_string();
        assert!(views.contains("features") && views.contains("4x3"), "{views}");
        assert!(Pass::new().without_taps("classify").is_ok() && Pass::new().of_one_view("features").is_ok());
    }
}
