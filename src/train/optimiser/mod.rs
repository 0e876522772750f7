//! Optimisers: how weights follow their gradients (spec §8.3), recorded into a graph.

mod accumulation;
mod clipping;
mod state;

use crate::graph::{Graph, Value};
use crate::kernels::weights::{AdamwStep, SgdStep};
use crate::kernels::{Access, Kernel};
use crate::tensor::{Element, Error, Result, Tensor};
use clipping::Clipped;
use state::state_beside;

#[cfg(feature = "video")]
pub(super) use accumulation::{Mean, add_to, is_mean, means};
pub use accumulation::{accumulate, accumulated, keep};
pub use state::WithState;

/// The input that holds the learning rate of a step, `[1]`.
const RATE: &str = "optimiser.rate";
/// The input that holds what AdamW corrects its moments by, `[2]`.
const CORRECTIONS: &str = "optimiser.corrections";

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Optimiser {
    /// Gradient descent with momentum, as the paper trains.
    Sgd(Sgd),
    /// Adam with weight decay apart from the gradient.
    AdamW(AdamW),
}

/// v ← momentum·v + g; θ ← θ − rate·v, with v from 0. Not Nesterov's, and without dampening (spec §8.3).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sgd {
    /// The share of the velocity v that a step keeps, at least 0 and below 1. With 0 there is no velocity.
    pub momentum: f32,
    /// The share of each weight that is added to its gradient, after clipping.
    pub decay: f32,
}

/// m ← β₁·m + (1 − β₁)·g; u ← β₂·u + (1 − β₂)·g²; θ ← (1 − rate·decay)·θ, then θ ← θ − rate·m̂ / (√û + ε), with m̂ = m/(1 − β₁ᵗ),
/// û = u/(1 − β₂ᵗ) and t counted from 1. Every weight decays.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdamW {
    /// β₁ and β₂, each at least 0 and below 1.
    pub betas: [f64; 2],
    /// ε, above 0.
    pub epsilon: f32,
    /// The share of itself that a weight loses at a rate of 1, at least 0.
    pub decay: f32,
}

impl Default for Sgd {
    /// As the paper trains: a momentum of 0.9, no decay.
    fn default() -> Self {
        Self { momentum: 0.9, decay: 0.0 }
    }
}

impl Sgd {
    /// The share of the velocity that a step keeps.
    #[must_use]
    pub fn momentum(self, momentum: f32) -> Self {
        Self { momentum, ..self }
    }

    /// The share of each weight that is added to its gradient.
    #[must_use]
    pub fn decay(self, decay: f32) -> Self {
        Self { decay, ..self }
    }
}

impl Default for AdamW {
    /// β₁ = 0.9, β₂ = 0.999, ε = 1e-8 and no decay.
    fn default() -> Self {
        Self { betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0 }
    }
}

impl AdamW {
    /// β₁ and β₂.
    #[must_use]
    pub fn betas(self, betas: [f64; 2]) -> Self {
        Self { betas, ..self }
    }

    /// ε.
    #[must_use]
    pub fn epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// The share of itself that a weight loses at a rate of 1.
    #[must_use]
    pub fn decay(self, decay: f32) -> Self {
        Self { decay, ..self }
    }

    fn step(&self, rows: usize, width: usize) -> AdamwStep {
        AdamwStep::new(rows, width).betas(self.betas).epsilon(self.epsilon).decay(self.decay)
    }
}

impl From<Sgd> for Optimiser {
    fn from(sgd: Sgd) -> Self {
        Self::Sgd(sgd)
    }
}

impl From<AdamW> for Optimiser {
    fn from(adamw: AdamW) -> Self {
        Self::AdamW(adamw)
    }
}

impl Optimiser {
    /// Records a step of each weight by its gradient: `gradients` are pairs of a weight and a value of its shape. A gradient
    /// whose norm, over all of them together, is not below `limit` is divided by the norm and multiplied by the limit.
    ///
    /// Returns the norm before clipping, `[1]`, which becomes an output of the graph. The graph gets the inputs that
    /// [`operands`](Self::operands) feeds, and beside its weights the state of [`state`](Self::state), which [`WithState`]
    /// begins with zeros. Where a norm is infinite or NaN and there is a limit, the step makes all weights NaN: nothing is
    /// trained on unnoticed. [`check_step`] says so.
    ///
    /// # Errors
    ///
    /// No gradients; a value that is no weights, or that a step has overwritten; a gradient of another shape; numbers that
    /// make no sense. A graph in which a step was refused half-way is of no use.
    pub fn record(&self, graph: &mut Graph, gradients: &[(Value, Value)], limit: Option<f32>) -> Result<Value> {
        let Clipped { norm, factor } = Clipped::record(graph, gradients, limit)?;
        graph.output(norm)?;
        let mut given = vec![graph.input(RATE, [1], Element::F32)?];
        if let Self::AdamW(_) = self {
            given.push(graph.input(CORRECTIONS, [2], Element::F32)?);
        }
        for (weight, gradient) in gradients {
            let (rows, width) = (graph.shape(*weight).rows(), graph.shape(*weight).last());
            let read = [&[*gradient], given.as_slice()].concat();
            let step = WeightStep { read, updated: [vec![*weight], self.state_of(graph, *weight)?].concat(), factor };
            match self {
                Self::Sgd(Sgd { momentum, decay }) => {
                    let momentum = (*momentum != 0.0).then_some(*momentum);
                    let call = SgdStep::new(rows, width).momentum(momentum).decay(*decay);
                    step.record(graph, call.clipped(factor.is_some()))?;
                }
                Self::AdamW(adamw) => step.record(graph, adamw.step(rows, width).clipped(factor.is_some()))?,
            }
        }
        Ok(norm)
    }

    /// What to feed the graph of step number `step`, counted from 0, beside its data: names of inputs with their tensors.
    pub fn operands(&self, rate: f64, step: u64) -> Result<Vec<(&'static str, Tensor)>> {
        let mut operands = vec![(RATE, Tensor::f32([1], vec![rate as f32])?)];
        if let Self::AdamW(adamw) = self {
            operands.push((CORRECTIONS, Tensor::f32([2], adamw.step(1, 1).corrections(step).to_vec())?));
        }
        Ok(operands)
    }

    /// The names of the tensors that it keeps beside the weight called `weight`, of its shape: what a checkpoint of a training
    /// holds in addition. `optimiser.velocity.WEIGHT`, or `optimiser.first_moment.WEIGHT` and `optimiser.second_moment.WEIGHT`.
    pub fn state(&self, weight: &str) -> Vec<String> {
        self.kinds().iter().map(|kind| state::name(kind, weight)).collect()
    }

    fn kinds(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd(Sgd { momentum, .. }) if *momentum == 0.0 => &[],
            Self::Sgd(_) => &["velocity"],
            Self::AdamW(_) => &["first_moment", "second_moment"],
        }
    }

    /// The values that it keeps beside a weight.
    fn state_of(&self, graph: &mut Graph, weight: Value) -> Result<Vec<Value>> {
        self.kinds().iter().map(|kind| state_beside(graph, weight, kind)).collect()
    }
}

/// The values of a step of one weight.
struct WeightStep {
    read: Vec<Value>,
    /// The weight and the state beside it.
    updated: Vec<Value>,
    factor: Option<Value>,
}

impl WeightStep {
    /// Records it as a call of `kernel`, whose updates follow what it reads, the factor last.
    fn record<K: Kernel>(&self, graph: &mut Graph, kernel: K) -> Result<()> {
        let updates = K::FAMILY.bindings.iter().filter(|binding| binding.access == Access::Update).count();
        let mut inputs: Vec<_> = self.read.iter().chain(&self.updated).copied().map(Some).collect();
        inputs.resize(self.read.len() + updates, None);
        inputs.push(self.factor);
        let named = self.updated.iter().map(|value| (stepped(graph.name(*value)), graph.shape(*value).clone()));
        let named: Vec<_> = named.collect();
        let outputs: Vec<_> = named.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
        graph.call_many(kernel, &inputs, &outputs).map(drop)
    }
}

/// The name of what a step makes of the value called `name`.
fn stepped(name: &str) -> String {
    format!("{name} stepped")
}

/// An error where the loss of a step, or the norm of its gradient, is no number: then neither are the weights after it.
pub fn check_step(step: u64, loss: f32, norm: f32) -> Result<()> {
    let (what, value) = match (loss.is_finite(), norm.is_finite()) {
        (true, true) => return Ok(()),
        (false, _) => ("loss", loss),
        (true, false) => ("norm of the gradient", norm),
    };
    Err(Error::usage(format!(
        "step {step}: the {what} is {value}, and the weights after it are of no use; go on from weights before this step, at \
         a lower learning rate"
    )))
}

#[cfg(test)]
mod tests {
    use super::state::parts_of;
    use super::*;

    #[test]
    fn what_is_no_number_is_an_error() {
        assert!(check_step(3, 0.5, 7.0).is_ok());
        let message = |loss, norm| check_step(3, loss, norm).unwrap_err().to_string();
        assert!(message(0.5, f32::INFINITY).contains("step 3: the norm of the gradient is inf"));
        assert!(message(f32::NAN, f32::NAN).contains("the loss is NaN"));
    }

    #[test]
    fn pairs_that_make_no_sense_are_refused() {
        let mut graph = Graph::new();
        let weight = graph.weights(&["w"], [2, 3]).unwrap();
        let gradient = graph.input("gradient", [2, 3], Element::F32).unwrap();
        let narrow = graph.input("narrow", [3, 2], Element::F32).unwrap();
        let sgd = Optimiser::from(Sgd::default());
        let message = |gradients: &[(Value, Value)]| {
            sgd.record(&mut graph.clone(), gradients, Some(1.0)).unwrap_err().to_string()
        };
        assert!(message(&[]).contains("no gradients"));
        assert!(message(&[(gradient, gradient)]).contains("gradient is no weight"));
        assert!(message(&[(weight, narrow)]).contains("[2, 3]"));
        assert!(message(&[(weight, gradient), (weight, gradient)]).contains("w"));
        let wrong =
            Optimiser::from(Sgd::default().momentum(1.5)).record(&mut graph.clone(), &[(weight, gradient)], None);
        assert!(wrong.unwrap_err().to_string().contains("momentum"));
        let wrong = sgd.record(&mut graph.clone(), &[(weight, gradient)], Some(0.0));
        assert!(wrong.unwrap_err().to_string().contains("norm"));
    }

    #[test]
    fn each_optimiser_keeps_its_own_state() {
        let sgd = Sgd::default();
        assert_eq!(Optimiser::from(sgd).state("a.b"), ["optimiser.velocity.a.b"]);
        assert!(Optimiser::from(sgd.momentum(0.0)).state("a.b").is_empty());
        let moments = ["optimiser.first_moment.a.b", "optimiser.second_moment.a.b"];
        assert_eq!(Optimiser::from(AdamW::default()).state("a.b"), moments);
    }

    /// A step of stacked weights keeps their state stacked likewise.
    #[test]
    fn state_is_stacked_as_its_weight_is() {
        let mut graph = Graph::new();
        let weight = graph.weights(&["q", "k"], [4, 3]).unwrap();
        let gradient = graph.input("gradient", [4, 3], Element::F32).unwrap();
        Optimiser::from(Sgd::default()).record(&mut graph, &[(weight, gradient)], Some(1.0)).unwrap();
        let velocity = graph.find("optimiser.velocity.q + optimiser.velocity.k").unwrap();
        assert_eq!(parts_of(&graph, velocity).unwrap(), ["optimiser.velocity.q", "optimiser.velocity.k"]);
        assert!(graph.find("q + k stepped").is_some());
    }
}
