//! Everything that a model says of a clip, by one pass.

use std::collections::BTreeMap;

use super::forward::{FEATURES, LOGITS, everything};
use super::outcome::Named;
use super::{Classes, ClipPass, Pass, Vivit};
use crate::gpu::Pending;
use crate::tensor::{Error, Result, Tensor};

/// What a model says of a clip.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Inference {
    /// The classes, of a model with a head.
    pub classes: Option<Classes>,
    /// What the head sees, `[1, C]`.
    pub features: Tensor,
    /// The values that the pass taps, by their names.
    pub taps: BTreeMap<String, Tensor>,
}

impl Vivit {
    /// Classes, features and what the pass taps, computed once.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// use tubelet::Pass;
    ///
    /// let found = model.infer(Pass::new().tap("hidden_state.4").over(clip))?;
    /// println!("{:?}, {}", found.features.shape(), found.taps["hidden_state.4"].shape());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Several clips, or a clip of another size than the model's; several views; a tap that the model does not have, with
    /// those it has.
    pub fn infer_async<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Pending<'a, Inference> {
        let ClipPass { pass, input } = clip.into();
        Pending::new(async move {
            let mut found = self.infer_batch_async(pass.over(input)).await?;
            match (found.pop(), found.len()) {
                (Some(only), 0) => Ok(only),
                (_, others) => Err(Error::usage(format!(
                    "{} clips are given where one is wanted: ask `infer_batch` for each",
                    others + 1
                ))),
            }
        })
    }

    /// [`infer_async`](Self::infer_async) of several clips, computed together as far as that is of use and the device has
    /// memory for it. What is found of each is the same as of the clip alone, to the last bit.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clips: &[tubelet::video::Clip]) -> tubelet::Result<()> {
    /// for found in model.infer_batch(clips)? {
    ///     let best = found.classes.map(|classes| classes.top(1));
    ///     println!("{best:?}, features {}", found.features.shape());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`infer_async`](Self::infer_async); no clip at all.
    pub fn infer_batch_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, Vec<Inference>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move {
            let each = self.values_of_each("infer", &pass, input, everything).await?;
            each.into_iter().map(|found| self.inference(&pass, found)).collect()
        })
    }

    fn inference(&self, pass: &Pass, mut found: Named<Tensor>) -> Result<Inference> {
        let labels = self.checkpoint().labels.as_deref();
        let classes = found.get(LOGITS).map(|logits| Classes::new(logits.as_f32()?, &self.config().labelling, labels));
        let classes = classes.transpose()?;
        let features = found.remove(FEATURES).ok_or_else(|| Error::usage("the model's features are missing"))?;
        if !pass.taps.want(LOGITS) {
            found.remove(LOGITS);
        }
        Ok(Inference { classes, features, taps: found })
    }
}
