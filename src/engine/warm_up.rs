//! What a first call costs beside its work, paid beforehand: weights are uploaded, kernels compiled, memory allocated.

use super::{Pass, Vivit};
use crate::gpu::Pending;
use crate::video::{ClipFrames, Crops};

impl Vivit {
    /// Uploads the weights, and compiles and allocates what `pass` over so many clips takes, each of them in the pass's views.
    /// Every verb but `attention` then finds it, as long as it is among what is [kept](super::LoadOptions::kept_bytes).
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// use tubelet::{Pass, video::Crops};
    ///
    /// // A server that classifies up to eight clips at a time, and shows where the model looks.
    /// let pass = Pass::new();
    /// for clips in 1..=8 {
    ///     model.warm_up(&pass, clips)?;
    /// }
    /// model.warm_up_attention(&pass)?;
    /// model.warm_up_preparation(clip, Crops::Central)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A tap that the model does not have, with those it has.
    pub fn warm_up_async<'a>(&'a self, pass: &'a Pass, clips: usize) -> Pending<'a, ()> {
        Pending::new(async move {
            let count = clips.saturating_mul(pass.views.count());
            let (request, _) = self.executor_of_clips(pass, count).await?;
            // The last pass over clips that do not go together has fewer of them.
            match count % request.batch {
                0 => Ok(()),
                rest => self.executor(&pass.request(rest, request.layout)).await.map(drop),
            }
        })
    }

    /// Uploads the weights, and compiles and allocates what `attention` with this pass takes.
    ///
    /// # Errors
    ///
    /// A layer or a head that the model does not have.
    pub fn warm_up_attention_async<'a>(&'a self, pass: &'a Pass) -> Pending<'a, ()> {
        Pending::new(async move {
            let request = pass.request(1, pass.layout.unwrap_or(self.layout()));
            self.map_executor(&request, &pass.layer).await.map(drop)
        })
    }

    /// Compiles and allocates what it takes to prepare clips like this one: of as many frames, of the same sizes and formats.
    /// The clip itself is not looked at.
    ///
    /// # Errors
    ///
    /// As [`prepare_crops_async`](Self::prepare_crops_async).
    pub fn warm_up_preparation_async<'a>(&'a self, clip: impl Into<ClipFrames<'a>>, crops: Crops) -> Pending<'a, ()> {
        let clip = clip.into();
        Pending::new(async move { self.preparer(clip, crops).await.map(drop) })
    }
}
