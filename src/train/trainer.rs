//! Steps of a training on one device.

mod halves;
mod options;
mod outcome;
mod parameters;
mod parts;
mod passes;
mod watched;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::optimiser::keep;
use super::{Batch, MicroBatch, frozen};
use crate::checkpoint::Checkpoint;
use crate::engine::{LoadOptions, Vivit, check_clips};
use crate::gpu::Pending;
use crate::graph::{Device, Feed, Weights};
use crate::tensor::{Error, Result, Tensor};
use crate::vivit::{ModelInput, TARGETS};
use outcome::{Seen, Shown};
use parameters::Learning;
use parts::{PassKind, Run, runs};
use passes::{Pass, Recording, Stack};

pub use options::TrainerOptions;
pub use outcome::{GradientOutcome, StepOutcome};

/// A model that learns on a device.
///
/// A step is one run of one graph: the loss of a batch, its gradient, clipping, and the update of every weight in place.
/// Where a batch is computed in parts, there is a run for each and one for the update. Nothing leaves the device but the
/// loss, the logits and the norm of the gradient; weights are read where a checkpoint is written. The same steps give the same
/// bits on the same device.
///
/// ```no_run
/// # fn shown(batches: &[tubelet::train::Batch]) -> tubelet::Result<()> {
/// use tubelet::train::{AdamW, RateSchedule, Trainer, TrainerOptions};
///
/// let device = tubelet::Device::open(&Default::default())?;
/// let checkpoint = tubelet::checkpoint::load("DIR")?;
/// let mut trainer = Trainer::new(&device, checkpoint, TrainerOptions::new(AdamW::default()))?;
/// let schedule = RateSchedule::new(1e-4, 5.0, batches.len() as u64)?;
/// for (step, batch) in (0..).zip(batches) {
///     let outcome = trainer.step(batch, step, schedule.rate(step)?).wait()?;
///     outcome.check(step)?;
///     println!("loss {}, norm {}", outcome.loss, outcome.norm);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Several trainers
///
/// A step comes in halves, too: [`gradients`](Self::gradients) and [`update`](Self::update). Between them what carries tensors
/// from process to process may put the mean over all trainers in the place of each one's gradient, so that they take the same
/// step, as one would on all clips. [`write`](Self::write) makes them begin alike.
///
/// ```no_run
/// # use tubelet::train::{Batch, Trainer};
/// # fn mean_over_all(_: Vec<(String, tubelet::Tensor)>) -> Vec<(String, tubelet::Tensor)> {
/// #     Vec::new()
/// # }
/// # fn shown(trainer: &mut Trainer, share: &Batch, step: u64, rate: f64) -> tubelet::Result<()> {
/// let found = trainer.gradients(share).wait()?;
/// let mean = mean_over_all(trainer.read_gradients().wait()?);
/// trainer.write_gradients(&mean).wait()?;
/// let norm = trainer.update(step, rate).wait()?;
/// found.updated(norm).check(step)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Trainer {
    /// Evaluates with the weights as they are.
    model: Vivit,
    options: TrainerOptions,
    frozen: BTreeSet<String>,
    stacks: Vec<Stack>,
    passes: HashMap<PassKind, Pass>,
    /// Whether a mean gradient lies beside the weights that no update has stepped by.
    has_gradient: bool,
}

impl Trainer {
    /// A model that begins to learn, with the state of its optimiser at 0.
    ///
    /// # Errors
    ///
    /// A model without a head; parameters to stay that there are not, or that share a product with others; what cannot be
    /// trained ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)).
    pub fn new(device: &Device, checkpoint: Checkpoint, options: TrainerOptions) -> Result<Self> {
        Self::with(device, checkpoint, None, options)
    }

    /// A model that goes on, with the state that its optimiser had.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn resume(
        device: &Device,
        checkpoint: Checkpoint,
        state: Arc<dyn Weights>,
        options: TrainerOptions,
    ) -> Result<Self> {
        Self::with(device, checkpoint, Some(state), options)
    }

    fn with(
        device: &Device,
        checkpoint: Checkpoint,
        state: Option<Arc<dyn Weights>>,
        options: TrainerOptions,
    ) -> Result<Self> {
        let names = checkpoint.parameters.names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let frozen = frozen(&options.frozen, &names)?;
        let parameters = Arc::new(Learning::new(checkpoint.parameters.clone(), state));
        let load = LoadOptions::new().variants(options.variants.clone());
        let model = Vivit::from_checkpoint(device, checkpoint.parameters(parameters), load)?;
        let stacks = Recording { model: &model, options: &options, frozen: &frozen }.stacks()?;
        Ok(Self { model, options, frozen, stacks, passes: HashMap::new(), has_gradient: false })
    }

    /// The model with its weights as they are: what it says of clips changes from step to step.
    pub fn model(&self) -> &Vivit {
        &self.model
    }

    /// How it takes its steps.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// The names of the parameters that learn.
    pub fn learning(&self) -> impl Iterator<Item = &str> {
        self.stacks.iter().flat_map(|(parts, _)| parts.iter().map(String::as_str))
    }

    /// The names of all that the optimiser keeps beside the parameters.
    pub fn state(&self) -> Vec<String> {
        self.learning().flat_map(|name| self.options.optimiser.state(name)).collect()
    }

    /// The parameter, or the state of the optimiser, called `name`, as the last step has left it.
    pub fn read<'a>(&'a self, name: &'a str) -> Pending<'a, Tensor> {
        self.model.weights().read(name)
    }

    /// Writes parameters and the state of the optimiser, given with their names, such as those of another trainer: the next
    /// step begins with them, and so does what the [`model`](Self::model) says of clips.
    ///
    /// # Errors
    ///
    /// As [`DeviceWeights::write`](crate::graph::DeviceWeights::write).
    pub fn write<'a>(&'a mut self, tensors: &'a [(&'a str, &'a Tensor)]) -> Pending<'a, ()> {
        Pending::new(async move {
            let state = self.state();
            let parameters = self.model.checkpoint().parameters.names();
            let known: HashSet<&str> = state.iter().map(String::as_str).chain(parameters).collect();
            match tensors.iter().find(|(name, _)| !known.contains(name)) {
                None => self.model.weights().write(tensors).await,
                Some((unknown, _)) => Err(Error::usage(format!(
                    "{unknown} is neither a parameter of the model nor kept by its optimiser, and cannot be written"
                ))),
            }
        })
    }

    /// Bytes of the device's memory that steps take so far, beside the weights.
    pub fn value_bytes(&self) -> u64 {
        self.passes.values().map(|pass| pass.executor.value_bytes()).sum()
    }

    /// Takes step number `step`, counted from 0, at a learning rate.
    ///
    /// This does what [`gradients`](Self::gradients) and [`update`](Self::update) do, and has the same bits, but for a single
    /// device that clips its own gradient, where the last ones may differ. A batch that is computed at once needs no memory for
    /// its mean gradient here.
    ///
    /// # Errors
    ///
    /// Clips of another size than the model's, targets of other classes; what the device has to say. A loss that is no number
    /// is none: see [`StepOutcome::check`].
    pub fn step<'a>(&'a mut self, batch: &'a Batch, step: u64, rate: f64) -> Pending<'a, StepOutcome> {
        Pending::new(async move {
            let runs = runs(self.clips(batch)?, &self.options);
            let operands = self.options.optimiser.operands(rate, step)?;
            let seen = self.run_all(&runs, batch, &operands).await?;
            seen.outcome(self.model.config().classes)
        })
    }

    /// Takes a step as [`step`](Self::step) does, and asks between the parts of a batch whether it is `interrupted`: then there
    /// is no outcome, and all weights are as they were.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn step_unless(
        &mut self,
        interrupted: &dyn Fn() -> bool,
        batch: &Batch,
        step: u64,
        rate: f64,
    ) -> Result<Option<StepOutcome>> {
        let clips = self.clips(batch)?;
        let runs = runs(clips, &self.options);
        self.has_gradient = false;
        Pending::new(self.prepare(&runs)).wait()?;
        let operands = self.options.optimiser.operands(rate, step)?;
        let mut seen = Seen::default();
        for (index, run) in runs.iter().enumerate() {
            // The first was just decided on, and the last changes the weights in no time.
            let between = index > 0 && index + 1 < runs.len();
            if between && interrupted() {
                return Ok(None);
            }
            let shown = Pending::new(self.run(run, batch, &operands)).wait()?;
            seen.add(run, clips, shown)?;
        }
        seen.outcome(self.model.config().classes).map(Some)
    }

    /// How many clips a batch has; an error where they are not the model's.
    fn clips(&self, batch: &Batch) -> Result<usize> {
        check_clips(self.model.config(), &batch.clips, self.model.layout())?;
        Ok(batch.clips.shape().axes()[0])
    }

    /// Runs graphs one after the other.
    async fn run_all(&mut self, runs: &[Run], batch: &Batch, operands: &[(&'static str, Tensor)]) -> Result<Seen> {
        // What lies beside the weights is overwritten, or belongs to weights that will have changed.
        self.has_gradient = false;
        self.prepare(runs).await?;
        let clips = self.clips(batch)?;
        let mut seen = Seen::default();
        for run in runs {
            let shown = self.run(run, batch, operands).await?;
            seen.add(run, clips, shown)?;
        }
        Ok(seen)
    }

    /// Records and compiles what is not yet.
    async fn prepare(&mut self, runs: &[Run]) -> Result<()> {
        for run in runs {
            if !self.passes.contains_key(&run.kind) {
                let recording = Recording { model: &self.model, options: &self.options, frozen: &self.frozen };
                let pass = recording.pass(run.kind, &self.stacks).await?;
                self.passes.insert(run.kind, pass);
            }
        }
        Ok(())
    }

    /// A graph that is ready.
    fn pass(&self, kind: PassKind) -> Result<&Pass> {
        self.passes.get(&kind).ok_or_else(|| Error::usage("a graph of the step has not been prepared"))
    }

    /// Runs a graph.
    async fn run(&self, run: &Run, batch: &Batch, operands: &[(&'static str, Tensor)]) -> Result<Shown> {
        let pass = self.pass(run.kind)?;
        let part = self.part(run, batch)?;
        let (clips, targets) =
            part.as_ref().map_or((&batch.clips, &batch.targets), |part| (&part.clips, &part.targets));
        let steps = matches!(run.kind, PassKind::Whole { .. } | PassKind::Step { .. });
        let given = if steps { operands.to_vec() } else { vec![keep(run.first)?] };
        let random = pass.of_clips.as_ref().map_or(Ok(Vec::new()), |of_clips| {
            let numbers: Vec<u64> = run.clips.clone().map(|clip| batch.first + clip as u64).collect();
            of_clips.random.random_inputs(&batch.draws, &numbers)
        })?;
        let mut feeds: Vec<_> = given.iter().map(|(name, tensor)| (*name, Feed::Host(tensor))).collect();
        let mut wanted = vec![pass.norm];
        if let Some(of_clips) = &pass.of_clips {
            feeds.extend([(ModelInput::Clip.name(), Feed::Host(clips)), (TARGETS, Feed::Host(targets))]);
            feeds.extend(random.iter().map(|(name, tensor)| (name.as_str(), Feed::Host(tensor))));
            wanted.extend([of_clips.loss, of_clips.logits]);
            if self.options.watches(self.model.device()) {
                let sums = of_clips.square_sums.iter().chain(&of_clips.watched);
                wanted.extend(sums.map(|(_, sum)| *sum));
            }
        }
        Shown::of(pass, pass.executor.run(&feeds, &wanted).await?)
    }

    /// The clips of a run, where they are not those of the whole batch.
    fn part(&self, run: &Run, batch: &Batch) -> Result<Option<MicroBatch>> {
        match run.kind {
            PassKind::Part { .. } => batch.part(run.clips.clone()).map(Some),
            _ => Ok(None),
        }
    }
}
