//! A model with its loss and the gradients of its weights, as kernel calls (spec §7.4, §12).

use std::collections::BTreeSet;

use super::random_inputs::BranchGates;
use super::recorder::Recorder;
use super::recording::Recording;
use super::request::Request;
use super::{Config, Labelling, StochasticDepth};
use crate::graph::{Cotangent, Graph, Origin, Value};
use crate::kernels::rows::{CrossEntropy, SigmoidCrossEntropy, Target};
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use crate::video::augment::Draws;

/// What a training makes small: the mean over the clips, and over the heads, of the cross entropy of their labels. What is
/// left out of the model meanwhile changes that too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Objective {
    /// The share of each target that is spread over all classes, from 0 to 1.
    pub smoothing: f32,
    /// Branches of blocks that are left out at random.
    pub stochastic_depth: Option<StochasticDepth>,
    /// How likely each value inside an MLP, and each that it gives, is dropped, from 0 to below 1; those that stay are
    /// divided by how likely that was.
    pub mlp_dropout: f64,
    /// Whether each block of an encoder is computed again in the backward pass, from its input: then the values inside of one
    /// block at a time take memory.
    pub recompute: bool,
}

impl Default for Objective {
    fn default() -> Self {
        Self::new()
    }
}

impl Objective {
    /// Labels as they are, nothing left out; every value is kept for the backward pass.
    pub fn new() -> Self {
        Self { smoothing: 0.0, stochastic_depth: None, mlp_dropout: 0.0, recompute: false }
    }

    /// The share of each target that is spread over all classes.
    #[must_use]
    pub fn smoothing(self, smoothing: f32) -> Self {
        Self { smoothing, ..self }
    }

    /// Branches of blocks that are left out at random.
    #[must_use]
    pub fn stochastic_depth(self, stochastic_depth: impl Into<Option<StochasticDepth>>) -> Self {
        Self { stochastic_depth: stochastic_depth.into(), ..self }
    }

    /// How likely each value inside an MLP, and each that it gives, is dropped.
    #[must_use]
    pub fn mlp_dropout(self, mlp_dropout: f64) -> Self {
        Self { mlp_dropout, ..self }
    }

    /// Whether each block is computed again in the backward pass.
    #[must_use]
    pub fn recompute(self, recompute: bool) -> Self {
        Self { recompute, ..self }
    }
}

/// A model recorded with its loss and its gradients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainingRecording {
    /// The model; its graph has one more input. From [`record_gradients`] it is `labels`, words `[B, heads]`: the label of
    /// each clip and head, counted within the head. In a training it is `targets`, `[B, K]`: a number for each class. Where
    /// something is left out at random the graph has further inputs: [`random_inputs`](Self::random_inputs).
    pub recording: Recording,
    /// `[B]`: what each clip adds to the loss, which is their sum.
    pub loss: Value,
    /// The gradient of every weight that the graph reads, but for those that stay as they are.
    pub gradients: Vec<StackGradient>,
}

impl TrainingRecording {
    /// The inputs that decide which branches are left out; none where none are.
    pub fn branch_gates(&self) -> &[BranchGates] {
        &self.recording.random_inputs.gates
    }

    /// Each weight that learns with its gradient, as values of `graph`, which is that of the recording.
    #[cfg(any(feature = "video", feature = "cli"))]
    pub(crate) fn pairs(&self, graph: &Graph) -> Result<Vec<(Value, Value)>> {
        let pair = |stack: &StackGradient| {
            let name = stack.parts.join(" + ");
            let weight = graph.find(&name).ok_or_else(|| Error::usage(format!("there is no weight {name}")))?;
            Ok((weight, stack.gradient))
        };
        self.gradients.iter().map(pair).collect()
    }

    /// Names and values of the inputs that decide what is left out, for a batch of clips by their numbers in the epoch of
    /// `draws`: what is left out of a clip depends on its number, not on its batch. Nothing where nothing is left out.
    ///
    /// The inputs are those of [`branch_gates`](Self::branch_gates), and `dropout_keys`, words `[B, 2]`, where values are
    /// dropped.
    pub fn random_inputs(&self, draws: &Draws, clips: &[u64]) -> Result<Vec<(String, Tensor)>> {
        self.recording.random_inputs.drawn(draws, clips)
    }
}

/// The gradient of weights that one value of the graph stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackGradient {
    /// The names of the stacked parameters.
    pub parts: Vec<String>,
    /// Their gradients, stacked alike along the first axis.
    pub gradient: Value,
}

/// The name of the input that holds the labels.
pub(crate) const LABELS: &str = "labels";
/// The name of the input that holds a number for each class.
pub(crate) const TARGETS: &str = "targets";

/// Records the forward pass of `request`, the loss of `objective` and the gradient of every weight. The gradients are outputs
/// of the graph.
///
/// # Errors
///
/// A model without a head, or whose logits are compared with no labels; a smoothing beyond 0 to 1; rates at which nothing
/// can be left out.
pub fn record_gradients(config: &Config, request: &Request, objective: &Objective) -> Result<TrainingRecording> {
    let recorded = recorded(config, request, objective, Target::Label, &BTreeSet::new(), |_| Ok(()))?;
    let TrainingRecording { mut recording, loss, gradients } = recorded;
    gradients.iter().try_for_each(|stack| recording.graph.output(stack.gradient))?;
    Ok(TrainingRecording { recording, loss, gradients })
}

/// As [`record_gradients`], of targets that are a number for each class, and without the parameters called `frozen`: no call
/// is recorded for their gradients alone. The gradients are no outputs of the graph: what a step makes of them is left.
/// `look` may record what is to be seen of the forward pass, before the backward pass follows.
#[cfg(any(feature = "video", feature = "cli"))]
pub(crate) fn record_training(
    config: &Config,
    request: &Request,
    objective: &Objective,
    frozen: &BTreeSet<String>,
    look: impl FnOnce(&mut Recording) -> Result<()>,
) -> Result<TrainingRecording> {
    recorded(config, request, objective, Target::Distribution, frozen, look)
}

fn recorded(
    config: &Config,
    request: &Request,
    objective: &Objective,
    target: Target,
    frozen: &BTreeSet<String>,
    look: impl FnOnce(&mut Recording) -> Result<()>,
) -> Result<TrainingRecording> {
    let request = Request { training: true, ..request.clone() };
    let recorder = Recorder::new(config, &request)?;
    let mut recording = super::record_by(recorder.regularised(objective.stochastic_depth, objective.mlp_dropout)?)?;
    let loss = record_loss(config, request.batch, objective, target, &mut recording)?;
    look(&mut recording)?;
    let graph = &mut recording.graph;
    let (stacks, weights) = learning(graph, frozen)?;
    let recomputed = if objective.recompute { recording.blocks.as_slice() } else { &[] };
    let found = graph.gradients(&[Cotangent::Ones(loss)], &weights, recomputed)?;
    let mut gradients = Vec::with_capacity(found.len());
    for (parts, gradient) in stacks.into_iter().zip(found) {
        let gradient =
            gradient.ok_or_else(|| Error::usage(format!("the loss does not depend on {}", parts.join(" + "))))?;
        gradients.push(StackGradient { parts, gradient });
    }
    Ok(TrainingRecording { recording, loss, gradients })
}

/// The stacks of weights that learn, by the names of their parts and as values; an error where only some of the parts of
/// one are `frozen`.
fn learning(graph: &Graph, frozen: &BTreeSet<String>) -> Result<(Vec<Vec<String>>, Vec<Value>)> {
    let (mut stacks, mut weights) = (Vec::new(), Vec::new());
    for value in graph.values() {
        let Origin::Weights(parts) = graph.origin(value) else { continue };
        match parts.iter().filter(|part| frozen.contains(*part)).count() {
            0 => {
                stacks.push(parts.clone());
                weights.push(value);
            }
            all if all == parts.len() => {}
            _ => {
                return Err(Error::usage(format!(
                    "{} are one product and learn together: let all of them stay as they are, or none",
                    parts.join(", ")
                )));
            }
        }
    }
    Ok((stacks, weights))
}

/// What each clip adds to the loss, `[B]`.
fn record_loss(
    config: &Config,
    batch: usize,
    objective: &Objective,
    target: Target,
    recording: &mut Recording,
) -> Result<Value> {
    let logits = recording.logits.ok_or_else(|| Error::usage("the model has no head, and so no loss: give it one"))?;
    let shape = Shape::from([batch, config.classes]);
    let outputs = [("loss", Shape::from([batch])), ("gradient of logits", shape.clone())];
    let (smoothing, graph) = (objective.smoothing, &mut recording.graph);
    let values = match (&config.labelling, target) {
        (Labelling::Multiple, Target::Distribution) => {
            let targets = graph.input(TARGETS, shape, Element::F32)?;
            let call = SigmoidCrossEntropy::new(batch, config.classes).smoothing(smoothing);
            graph.call_many(call, &[Some(logits), Some(targets)], &outputs)?
        }
        (Labelling::Single | Labelling::Heads(_), target) => {
            let classes = classes_of_heads(config);
            let (targets, labels) = match target {
                Target::Label => (None, Some(graph.input(LABELS, [batch, classes.len()], Element::U32)?)),
                Target::Distribution => (Some(graph.input(TARGETS, shape, Element::F32)?), None),
            };
            let call = CrossEntropy::new(batch, config.classes, target).heads(classes).smoothing(smoothing);
            graph.call_many(call, &[Some(logits), targets, labels], &outputs)?
        }
        (Labelling::Multiple | Labelling::Regression, _) => {
            return Err(Error::unsupported(
                "gradients are of the cross entropy of one label a clip and head; this model's logits are compared otherwise",
            ));
        }
    };
    let loss = values.first().copied().ok_or_else(|| Error::usage("the loss is not computed"))?;
    graph.output(loss)?;
    Ok(loss)
}

/// How many classes each head has.
fn classes_of_heads(config: &Config) -> Vec<usize> {
    match &config.labelling {
        Labelling::Heads(heads) => heads.iter().map(|head| head.classes).collect(),
        _ => vec![config.classes],
    }
}
