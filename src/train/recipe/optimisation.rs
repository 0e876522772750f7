//! How gradients change weights.

use serde::{Deserialize, Serialize};

use crate::tensor::named;

/// How a gradient changes the weights (spec §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimiserRecipe {
    /// Stochastic gradient descent with momentum, as in the paper.
    Momentum(MomentumRecipe),
    /// Adam with decoupled weight decay.
    Adamw(AdamwRecipe),
}

impl Default for OptimiserRecipe {
    fn default() -> Self {
        Self::Momentum(MomentumRecipe::default())
    }
}

/// Numbers of stochastic gradient descent: v ← momentum·v + g; θ ← θ − rate·v.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MomentumRecipe {
    /// The share of the velocity that a step leaves, from 0 to below 1.
    pub momentum: f64,
    /// What part of a weight is added to its gradient.
    pub weight_decay: f64,
}

impl Default for MomentumRecipe {
    fn default() -> Self {
        Self { momentum: 0.9, weight_decay: 0.0 }
    }
}

/// Numbers of AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdamwRecipe {
    /// The shares of the means of the gradient and of its square that a step leaves, each from 0 to below 1.
    pub betas: [f64; 2],
    /// What is added to the root of the mean square; above 0.
    pub epsilon: f64,
    /// What part of a weight is taken from it, times the rate, at each step.
    pub weight_decay: f64,
}

impl Default for AdamwRecipe {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// The learning rate of each step: it grows evenly from 0, then decays until the last step (spec §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ScheduleRecipe {
    /// The highest rate.
    pub rate: f64,
    /// Epochs until it is reached; parts of one too.
    pub warm_up_epochs: f64,
    /// Steps until it is reached, instead of epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up_steps: Option<u64>,
    /// What becomes of it then.
    pub decay: Decay,
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self { rate: 0.1, warm_up_epochs: 2.5, warm_up_steps: None, decay: Decay::default() }
    }
}

impl ScheduleRecipe {
    /// Steps until the highest rate is reached; parts of a step do not count.
    pub fn warm_up(&self, steps_per_epoch: u64) -> u64 {
        self.warm_up_steps.unwrap_or((self.warm_up_epochs * steps_per_epoch as f64) as u64)
    }
}

/// What becomes of a learning rate once it is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decay {
    /// It falls to 0 as a half of a cosine does.
    #[default]
    Cosine,
    /// It stays.
    Constant,
}

named!(Decay, "the decay of a learning rate": Cosine = "cosine", Constant = "constant");

/// What is done about long gradients (spec §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Clipping {
    /// Nothing.
    None,
    /// The mean gradient of each device's clips is shortened, then the mean over devices is taken, as in scenic.
    PerDevice(ClipNorm),
    /// The gradient of the whole batch is shortened.
    Global(ClipNorm),
}

impl Default for Clipping {
    fn default() -> Self {
        Self::PerDevice(ClipNorm::default())
    }
}

/// Where a gradient is too long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ClipNorm {
    /// The L2 norm over all parameters that it is shortened to where it is longer; above 0.
    pub norm: f64,
}

impl Default for ClipNorm {
    fn default() -> Self {
        Self { norm: 1.0 }
    }
}
