//! What a recipe may say.

use super::fault::Fault;
use super::{AdamwRecipe, Clipping, MomentumRecipe, OptimiserRecipe, Recipe, Start};
use crate::tensor::Result;
use crate::vivit::{Config, Model};

impl Recipe {
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for what no training can be: the field, what is wrong with it, and
    /// what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.fault().map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// The first thing that is wrong.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault_of_length()
            .or_else(|| self.fault_of_batches())
            .or_else(|| self.fault_of_optimisation())
            .or_else(|| self.fault_of_regularisation())
            .or_else(|| self.fault_of_start())
            .or_else(|| self.fault_of_rhythm())
    }

    fn fault_of_length(&self) -> Option<Fault> {
        let field = if self.steps.is_some() { "steps" } else { "epochs" };
        if let Err(error) = self.length() {
            return Some(Fault::new(field, error.to_string()));
        }
        let none = self.epochs == Some(0) || self.steps == Some(0);
        none.then(|| Fault::new(field, "a training has at least 1"))
            .or_else(|| (self.seed > i64::MAX as u64).then(|| Fault::new("seed", "it must be at most 2^63 - 1")))
    }

    fn fault_of_batches(&self) -> Option<Fault> {
        let (batch, device, micro) = (self.batch, self.clips_of_device(), self.clips_at_a_time());
        if batch == 0 {
            return Some(Fault::new("batch", "a step needs at least 1 clip"));
        }
        if device == 0 || !batch.is_multiple_of(device) {
            return Some(Fault::new("device_batch", format!("it is {device}, and must divide `batch`, {batch}")));
        }
        if micro == 0 || !device.is_multiple_of(micro) {
            let sentence = format!(
                "it is {micro}, and must divide the {device} clips of a device, or of a batch where there is one"
            );
            return Some(Fault::new("micro_batch", sentence));
        }
        (device == 1 && self.augmentation.mixup.is_some()).then(|| {
            let sentence = "clips are mixed with others of the same device, of which there is one; take `batch` (and \
                            `device_batch`) of 2 or more, or leave mixup out";
            Fault::new("augmentation.mixup", sentence)
        })
    }

    fn fault_of_optimisation(&self) -> Option<Fault> {
        let share = |field, value: f64| {
            let wrong = !(0.0..1.0).contains(&value);
            wrong.then(|| Fault::new(field, format!("it is {value}, and must be from 0 to below 1")))
        };
        let optimiser = match self.optimiser {
            OptimiserRecipe::Momentum(MomentumRecipe { momentum, weight_decay }) => {
                share("optimiser.momentum.momentum", momentum)
                    .or_else(|| not_negative("optimiser.momentum.weight_decay", weight_decay))
            }
            OptimiserRecipe::Adamw(AdamwRecipe { betas, epsilon, weight_decay }) => {
                let betas = betas.into_iter().find_map(|beta| share("optimiser.adamw.betas", beta));
                betas
                    .or_else(|| positive("optimiser.adamw.epsilon", epsilon))
                    .or_else(|| not_negative("optimiser.adamw.weight_decay", weight_decay))
            }
        };
        let clipping = match self.clipping {
            Clipping::None => None,
            Clipping::PerDevice(clip) => positive("clipping.per_device.norm", clip.norm),
            Clipping::Global(clip) => positive("clipping.global.norm", clip.norm),
        };
        optimiser
            .or_else(|| positive("schedule.rate", self.schedule.rate))
            .or_else(|| not_negative("schedule.warm_up_epochs", self.schedule.warm_up_epochs))
            .or(clipping)
    }

    fn fault_of_regularisation(&self) -> Option<Fault> {
        if !(0.0..1.0).contains(&self.mlp_dropout) {
            let sentence = format!("it is {}, and must be from 0 to below 1", self.mlp_dropout);
            return Some(Fault::new("mlp_dropout", sentence));
        }
        if self.attention_dropout != 0.0 {
            let sentence = "probabilities of attention cannot be dropped: all models of the paper are trained with 0; leave it \
                            out";
            return Some(Fault::new("attention_dropout", sentence));
        }
        let depth = self.stochastic_depth.map_or(Ok(()), |depth| depth.validate());
        depth
            .map_err(|error| Fault::new("stochastic_depth", error.to_string()))
            .and_then(|()| self.augmentation.validate().map_err(|error| Fault::new("augmentation", error.to_string())))
            .err()
    }

    fn fault_of_start(&self) -> Option<Fault> {
        let table = match self.start {
            Start::Scratch(_) => "start.scratch",
            Start::ImageModel(_) => "start.image_model.model",
            Start::Checkpoint(_) => "start.checkpoint",
        };
        let model = self.start.model()?;
        if !Model::all().contains(&model.kind) {
            return Some(Fault::new(table, "options of the model stand in `options`, not in its `kind`"));
        }
        let known = Config::named(&model.shape).and_then(|_| model.with_options(model.kind));
        known.err().map(|error| Fault::new(table, error.to_string()))
    }

    fn fault_of_rhythm(&self) -> Option<Fault> {
        let least = [
            ("checkpoints.keep", Some(self.checkpoints.keep as u64)),
            ("checkpoints.every_epochs", Some(self.checkpoints.every_epochs)),
            ("checkpoints.every_steps", self.checkpoints.every_steps),
            ("evaluation.every_steps", self.evaluation.every_steps),
            ("loading.workers", self.loading.workers.map(|workers| workers as u64)),
        ];
        let zero = least.into_iter().find(|(_, value)| *value == Some(0));
        zero.map(|(field, _)| Fault::new(field, "it must be at least 1"))
    }
}

fn positive(field: &'static str, value: f64) -> Option<Fault> {
    let wrong = !(value.is_finite() && value > 0.0);
    wrong.then(|| Fault::new(field, format!("it is {value}, and must be a number above 0")))
}

fn not_negative(field: &'static str, value: f64) -> Option<Fault> {
    let wrong = !(value.is_finite() && value >= 0.0);
    wrong.then(|| Fault::new(field, format!("it is {value}, and must be a number from 0 on")))
}
