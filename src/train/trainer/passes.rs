//! The graphs that a step runs.

use std::collections::BTreeSet;

use super::TrainerOptions;
use super::parts::PassKind;
use super::watched;
use crate::engine::Vivit;
use crate::graph::{Executor, Graph, Origin, Value};
use crate::tensor::{Error, Result, Shape};
use crate::train::optimiser::{Mean, add_to, means};
use crate::vivit::{self, Request, TrainingRecording};

/// Weights that learn together: the names of the parts that a value stacks, and its shape.
pub(super) type Stack = (Vec<String>, Shape);

/// A graph with what is read of it.
#[derive(Debug)]
pub(super) struct Recorded {
    graph: Graph,
    of_clips: Option<OfClips>,
    /// `[1]`: the norm of its gradient before clipping.
    norm: Value,
}

/// The values of a graph that sees clips.
#[derive(Clone, Debug)]
pub(super) struct OfClips {
    /// `[B]`: what each clip adds to the loss.
    pub(super) loss: Value,
    /// `[B, K]`.
    pub(super) logits: Value,
    /// What else its graph is fed, but for the graph.
    pub(super) random: TrainingRecording,
    /// For each stack of weights the sum of the squares of its gradient and of those behind it, `[1]`.
    pub(super) square_sums: Vec<(String, Value)>,
    /// What is watched of the forward pass: sums of squares, `[1]`.
    pub(super) watched: Vec<(String, Value)>,
}

/// Weights, each with its gradient.
type Pairs = Vec<(Value, Value)>;

/// A graph that is ready to run.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) executor: Box<dyn Executor>,
    pub(super) of_clips: Option<OfClips>,
    pub(super) norm: Value,
}

/// How graphs are recorded.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    pub(super) model: &'a Vivit,
    pub(super) options: &'a TrainerOptions,
    /// Parameters that stay as they are.
    pub(super) frozen: &'a BTreeSet<String>,
}

impl Recording<'_> {
    /// The weights that learn.
    pub(super) fn stacks(&self) -> Result<Vec<Stack>> {
        let (graph, gradients, _) = self.gradients(1)?;
        let stack = |(weight, _): &(Value, Value)| match graph.origin(*weight) {
            Origin::Weights(parts) => Some((parts.clone(), graph.shape(*weight).clone())),
            _ => None,
        };
        Ok(gradients.iter().filter_map(stack).collect())
    }

    /// The graph of a run, ready.
    pub(super) async fn pass(&self, kind: PassKind, stacks: &[Stack]) -> Result<Pass> {
        let Recorded { graph, of_clips, norm } = self.recorded(kind, stacks)?;
        let executor = self.model.prepare_graph(graph).await?;
        Ok(Pass { executor, of_clips, norm })
    }

    fn recorded(&self, kind: PassKind, stacks: &[Stack]) -> Result<Recorded> {
        let (limit, _) = self.options.limit();
        let share = |clips: usize, of: usize| clips as f32 / of as f32;
        match kind {
            PassKind::Whole { clips } => {
                let (mut graph, gradients, of_clips) = self.gradients(clips)?;
                let norm = self.options.optimiser.record(&mut graph, &gradients, limit)?;
                Ok(Recorded { of_clips: Some(of_clips.with_sums(&graph, &gradients)), graph, norm })
            }
            PassKind::Part { clips, of, mean, clipped } => {
                let (mut graph, gradients, of_clips) = self.gradients(clips)?;
                let norm = add_to(mean, &mut graph, &gradients, limit.filter(|_| clipped), share(clips, of))?;
                Ok(Recorded { of_clips: Some(of_clips.with_sums(&graph, &gradients)), graph, norm })
            }
            PassKind::Device { clips, of } => {
                let mut graph = Graph::new();
                let gradients = means(Mean::Device, &mut graph, stacks)?;
                let norm = add_to(Mean::Batch, &mut graph, &gradients, limit, share(clips, of))?;
                Ok(Recorded { graph, of_clips: None, norm })
            }
            PassKind::Step { clipped } => {
                let mut graph = Graph::new();
                let gradients = means(Mean::Batch, &mut graph, stacks)?;
                let norm = self.options.optimiser.record(&mut graph, &gradients, limit.filter(|_| clipped))?;
                Ok(Recorded { graph, of_clips: None, norm })
            }
        }
    }

    /// A graph of the loss of `clips` clips, and each weight that learns with its gradient.
    fn gradients(&self, clips: usize) -> Result<(Graph, Pairs, OfClips)> {
        let request = Request::new(clips, self.model.layout());
        let (config, objective, mut watched) = (self.model.config(), &self.options.objective, Vec::new());
        let mut recorded = vivit::record_training(config, &request, objective, self.frozen, |forward| {
            if self.options.watches(self.model.device()) {
                watched = watched::record(forward)?;
            }
            Ok(())
        })?;
        let (loss, logits) = (recorded.loss, recorded.recording.logits);
        let logits = logits.ok_or_else(|| Error::usage("the model has no head to train"))?;
        let graph = std::mem::take(&mut recorded.recording.graph);
        let pairs = recorded.pairs(&graph)?;
        Ok((graph, pairs, OfClips { loss, logits, random: recorded, square_sums: Vec::new(), watched }))
    }
}

impl OfClips {
    /// With the sums of squares that clipping has recorded for these weights.
    fn with_sums(self, graph: &Graph, gradients: &[(Value, Value)]) -> Self {
        let sum = |(weight, _): &(Value, Value)| {
            let name = graph.name(*weight);
            Some((name.to_owned(), graph.find(&format!("optimiser.square_sum.{name}"))?))
        };
        Self { square_sums: gradients.iter().filter_map(sum).collect(), ..self }
    }
}
