//! The two halves of a step, between which a gradient can be exchanged with other trainers.

use std::collections::HashSet;

use super::parts::{gradient_runs, update_run};
use super::{GradientOutcome, Shown, Trainer};
use crate::gpu::Pending;
use crate::graph::Feed;
use crate::tensor::{Error, Result, Tensor};
use crate::train::Batch;
use crate::train::optimiser::Mean;

impl Trainer {
    /// The first half of a step: computes the mean gradient over the clips of a batch, which stays on the device. The weights
    /// are as before.
    ///
    /// Where each device clips its own gradient, that is done here; a global limit is for [`update`](Self::update). Trainers
    /// that share a batch each take a part of it with [`Batch::drawn`] by the numbers of its clips, so that random numbers are
    /// those of the whole. The mean over trainers is that over clips where each has as many; else weigh each by its clips.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    pub fn gradients<'a>(&'a mut self, batch: &'a Batch) -> Pending<'a, GradientOutcome> {
        Pending::new(async move {
            let runs = gradient_runs(self.clips(batch)?, &self.options);
            let seen = self.run_all(&runs, batch, &[]).await?;
            let found = seen.of_gradient(self.model.config().classes)?;
            self.has_gradient = true;
            Ok(found)
        })
    }

    /// The gradient that the next update is to step by, of each parameter that learns: in the order of
    /// [`learning`](Self::learning), the same for all trainers of a model, under the parameter's name and in its shape. f32.
    ///
    /// # Errors
    ///
    /// No gradient, as for [`update`](Self::update).
    pub fn read_gradients(&self) -> Pending<'_, Vec<(String, Tensor)>> {
        Pending::new(async move {
            self.check_gradient()?;
            let mut gradients = Vec::new();
            for name in self.learning() {
                let gradient = self.read(&Mean::Batch.name(name)).await?;
                gradients.push((name.to_owned(), gradient));
            }
            Ok(gradients)
        })
    }

    /// Puts other gradients in the place of those that [`read_gradients`](Self::read_gradients) gives, in any order. A trainer
    /// without clips of its own may begin a step with this.
    ///
    /// # Errors
    ///
    /// A parameter that learns and is not named, or named twice; one that does not learn; another shape than the parameter's,
    /// elements that are not f32. Nothing is written then.
    pub fn write_gradients<'a>(&'a mut self, gradients: &'a [(String, Tensor)]) -> Pending<'a, ()> {
        Pending::new(async move {
            self.check_names(gradients)?;
            self.prepare(&[update_run(&self.options)]).await?;
            let names: Vec<_> = gradients.iter().map(|(name, _)| Mean::Batch.name(name)).collect();
            let tensors = names.iter().zip(gradients).map(|(name, (_, tensor))| (name.as_str(), tensor));
            let tensors: Vec<_> = tensors.collect();
            self.model.weights().write(&tensors).await?;
            self.has_gradient = true;
            Ok(())
        })
    }

    /// The second half of step number `step`, counted from 0, at a learning rate: clips the gradient that lies on the device,
    /// unless each device has clipped its own, and takes a step by it. Returns its norm before clipping, over all parameters
    /// that learn: to see whether it was a number, hand it to [`GradientOutcome::updated`].
    ///
    /// # Errors
    ///
    /// No gradient: neither computed nor written since the last update. What the device has to say.
    pub fn update(&mut self, step: u64, rate: f64) -> Pending<'_, f64> {
        Pending::new(async move {
            self.check_gradient()?;
            let run = update_run(&self.options);
            let operands = self.options.optimiser.operands(rate, step)?;
            self.prepare(std::slice::from_ref(&run)).await?;
            self.has_gradient = false;
            let pass = self.pass(run.kind)?;
            let feeds: Vec<_> = operands.iter().map(|(name, tensor)| (*name, Feed::Host(tensor))).collect();
            let found = pass.executor.run(&feeds, &[pass.norm]).await?;
            Ok(Shown::of(pass, found)?.norm)
        })
    }

    /// An error where no gradient is there to step by.
    fn check_gradient(&self) -> Result<()> {
        match self.has_gradient {
            true => Ok(()),
            false => Err(Error::usage(
                "there is no gradient to step by: compute one with `gradients` or write one with `write_gradients`, anew for \
                 each update",
            )),
        }
    }

    /// An error where these are not the gradients of all that learns.
    fn check_names(&self, gradients: &[(String, Tensor)]) -> Result<()> {
        let given: HashSet<&str> = gradients.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(missing) = self.learning().find(|name| !given.contains(name)) {
            return Err(Error::usage(format!(
                "the gradient of {missing} is not given; give that of every parameter that learns"
            )));
        }
        let learning: HashSet<&str> = self.learning().collect();
        match given.iter().find(|name| !learning.contains(*name)) {
            None => Ok(()),
            Some(other) => Err(Error::usage(format!("a gradient of {other} is given, and no such parameter learns"))),
        }
    }
}
