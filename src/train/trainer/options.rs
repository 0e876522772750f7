//! How a model learns.

use crate::graph::Device;
use crate::kernels::Selection;
use crate::train::{AdamW, Clipping, Optimiser, OptimiserRecipe, Recipe, Sgd};
use crate::vivit::Objective;

/// How a [`Trainer`](super::Trainer) takes its steps.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainerOptions {
    /// How weights follow their gradients.
    pub optimiser: Optimiser,
    /// What is done about long gradients.
    pub clipping: Clipping,
    /// The loss, and what is computed again.
    pub objective: Objective,
    /// Clips that one of several devices would have; `None` for all of a batch.
    pub device_batch: Option<usize>,
    /// Clips that are computed at a time; `None` for those of a device.
    pub micro_batch: Option<usize>,
    /// Parameters that stay as they are, as [`frozen`](crate::train::frozen) takes them.
    pub frozen: Vec<String>,
    /// Whether what each block gives and the gradient of each weight are looked at, so that it is known where they cease to
    /// be numbers. On a device of its own memory this takes time; on the host it is done in any case.
    pub watched: bool,
    /// Kernel variants to run instead of the device's own choice.
    pub variants: Selection,
}

impl TrainerOptions {
    /// All of a batch at once, nothing clipped, nothing frozen.
    pub fn new(optimiser: impl Into<Optimiser>) -> Self {
        Self {
            optimiser: optimiser.into(),
            clipping: Clipping::None,
            objective: Objective::new(),
            device_batch: None,
            micro_batch: None,
            frozen: Vec::new(),
            watched: false,
            variants: Selection::automatic(),
        }
    }

    /// What a recipe says.
    pub fn of(recipe: &Recipe) -> Self {
        let optimiser = match recipe.optimiser {
            OptimiserRecipe::Momentum(sgd) => {
                Sgd::default().momentum(sgd.momentum as f32).decay(sgd.weight_decay as f32).into()
            }
            OptimiserRecipe::Adamw(adamw) => {
                let adam = AdamW::default().betas(adamw.betas).epsilon(adamw.epsilon as f32);
                Optimiser::from(adam.decay(adamw.weight_decay as f32))
            }
        };
        let smoothing = recipe.augmentation.label_smoothing as f32;
        let objective = Objective::new().smoothing(smoothing).recompute(recipe.recompute);
        let objective = objective.stochastic_depth(recipe.stochastic_depth).mlp_dropout(recipe.mlp_dropout);
        Self::new(optimiser)
            .clipping(recipe.clipping)
            .objective(objective)
            .device_batch(recipe.device_batch)
            .micro_batch(recipe.micro_batch)
            .frozen(recipe.frozen.clone())
    }

    /// How weights follow their gradients.
    #[must_use]
    pub fn optimiser(self, optimiser: impl Into<Optimiser>) -> Self {
        Self { optimiser: optimiser.into(), ..self }
    }

    /// What is done about long gradients.
    #[must_use]
    pub fn clipping(self, clipping: Clipping) -> Self {
        Self { clipping, ..self }
    }

    /// The loss, and what is computed again.
    #[must_use]
    pub fn objective(self, objective: Objective) -> Self {
        Self { objective, ..self }
    }

    /// Clips that one of several devices would have.
    #[must_use]
    pub fn device_batch(self, clips: impl Into<Option<usize>>) -> Self {
        Self { device_batch: clips.into(), ..self }
    }

    /// Clips that are computed at a time.
    #[must_use]
    pub fn micro_batch(self, clips: impl Into<Option<usize>>) -> Self {
        Self { micro_batch: clips.into(), ..self }
    }

    /// Parameters that stay as they are.
    #[must_use]
    pub fn frozen(self, parts: Vec<String>) -> Self {
        Self { frozen: parts, ..self }
    }

    /// Whether what each block gives and the gradient of each weight are looked at.
    #[must_use]
    pub fn watched(self, watched: bool) -> Self {
        Self { watched, ..self }
    }

    /// Runs these kernel variants instead of the device's own choice.
    #[must_use]
    pub fn variants(self, variants: Selection) -> Self {
        Self { variants, ..self }
    }

    /// Whether on `device` it is looked at where values cease to be numbers.
    pub(super) fn watches(&self, device: &Device) -> bool {
        self.watched || device.gpu().is_none()
    }

    /// The norm beyond which a gradient is shortened, and whether that of each device is by itself.
    pub(super) fn limit(&self) -> (Option<f32>, bool) {
        match self.clipping {
            Clipping::None => (None, false),
            Clipping::PerDevice(clip) => (Some(clip.norm as f32), true),
            Clipping::Global(clip) => (Some(clip.norm as f32), false),
        }
    }
}
