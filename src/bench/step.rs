//! A step of training a model as a row.
//!
//! The graph is the one that a training records: forward pass, loss, backward pass, and the update of every weight in place.
//! So the weights change from sample to sample; what is compared is what the first step of fresh weights has left.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Work;
use super::candidate::{Candidate, Made, Reduced};
use super::forward::{self, Source};
use super::problem::Problem;
use crate::graph::{Device, Graph, Value, Weights};
use crate::kernels::{ClipLayout, Precision};
use crate::tensor::{Error, Result, Tensor, Tolerance};
use crate::train::{Optimiser, Sgd, WithState};
use crate::vivit::{Config, Labelling, ModelInput, Objective, Request, TARGETS, record_training};

/// The learning rate: large enough for a first step to show in the weights, small enough for many on one batch.
const RATE: f64 = 1e-3;
/// The share of each target that is spread over all classes, as the paper trains.
const SMOOTHING: f32 = 0.1;
/// The largest relative L2 from what the references find: a step is about twice as deep as the forward pass, whose outputs
/// are held to half as much.
const BOUND: f64 = 2.0 * Tolerance::MODEL.relative_l2;

/// A row of an untrained model.
pub(super) fn untrained(config: Config, backbone: &str, batch: usize) -> Candidate {
    let weights = forward::untrained_weights(config.clone());
    candidate(config, backbone.to_owned(), batch, Box::new(weights))
}

pub(super) fn candidate(config: Config, backbone: String, batch: usize, weights: Source) -> Candidate {
    let precision = Precision::F32;
    let operations = recorded(&config, batch).map_or(0, |recorded| recorded.graph.cost(precision).operations);
    let work = Work::TrainingStep(forward::work(&config, backbone, batch));
    let make = move |device: &Device| {
        forward::check_batch(&config, batch, device)?;
        let small = forward::reduced(&config);
        let key = format!("a step of {small}");
        let problem = problem(&small, forward::untrained_weights(small.clone())()?, 1)?;
        Ok(Made { full: self::problem(&config, weights()?, batch)?, reduced: Some(Reduced { problem, key }) })
    };
    Candidate { work, precision, operations, make: Box::new(make) }
}

/// The graph of a step, and what of it is compared.
struct Recorded {
    graph: Graph,
    compared: Vec<Value>,
}

fn optimiser() -> Optimiser {
    Sgd::default().into()
}

fn recorded(config: &Config, batch: usize) -> Result<Recorded> {
    config.validate()?;
    let request = Request::new(batch, ClipLayout::Btchw);
    let objective = Objective::new().smoothing(SMOOTHING);
    let mut recorded = record_training(config, &request, &objective, &BTreeSet::new(), |_| Ok(()))?;
    let mut graph = std::mem::take(&mut recorded.recording.graph);
    let pairs = recorded.pairs(&graph)?;
    let norm = optimiser().record(&mut graph, &pairs, None)?;
    let mut compared = vec![recorded.loss, norm];
    for stack in recorded.gradients.iter().filter(|stack| is_compared(&stack.parts)) {
        let velocity: Vec<_> = stack.parts.iter().flat_map(|part| optimiser().state(part)).collect();
        for updated in [stack.parts.join(" + "), velocity.join(" + ")] {
            let name = format!("{updated} stepped");
            compared.push(graph.find(&name).ok_or_else(|| Error::usage(format!("there is no {name}")))?);
        }
    }
    Ok(Recorded { graph, compared })
}

/// Whether weights are looked at one by one. The other blocks of an encoder are like the first, at which a backward pass
/// ends; the norm is over all of them.
fn is_compared(parts: &[String]) -> bool {
    let block = |part: &String| part.split('.').find_map(|path| path.strip_prefix("encoderblock_").map(str::to_owned));
    parts.iter().all(|part| block(part).is_none_or(|index| index == "0"))
}

fn problem(config: &Config, weights: Arc<dyn Weights>, batch: usize) -> Result<Problem> {
    let Recorded { graph, compared } = recorded(config, batch)?;
    let mut feeds = vec![(ModelInput::Clip.name(), forward::clip(config, batch)?), (TARGETS, targets(config, batch)?)];
    feeds.extend(optimiser().operands(RATE, 0)?);
    Ok(Problem {
        graph: Arc::new(graph),
        weights: Arc::new(WithState::zeros(weights)),
        feeds,
        wanted: compared,
        precision: Precision::F32,
        bound: BOUND,
    })
}

/// `[B, K]`: of each clip one class of each head.
fn targets(config: &Config, batch: usize) -> Result<Tensor> {
    let heads: Vec<usize> = match &config.labelling {
        Labelling::Heads(heads) => heads.iter().map(|head| head.classes).collect(),
        _ => vec![config.classes],
    };
    let of_clip = |clip: usize| {
        let of_head = move |classes: &usize| {
            let (classes, own) = (*classes, clip % (*classes).max(1));
            (0..classes).map(move |class| if class == own { 1.0 } else { 0.0 })
        };
        heads.iter().flat_map(of_head).collect::<Vec<f32>>()
    };
    Tensor::f32([batch, config.classes], (0..batch).flat_map(of_clip).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Selection;
    use crate::vivit::Model;

    fn small(model: Model) -> Config {
        let config = Config::named("vit-s").unwrap().as_model(model).frames(4).rows(48).columns(32);
        config.width(24).heads(4).layers(2).hidden(36).classes(5)
    }

    /// The products of the backward pass are twice those of the forward pass, but for the embedding, whose clip has no
    /// gradient, and for attention, which computes its scores again.
    #[test]
    fn a_step_has_the_products_of_three_passes() {
        for model in Model::all() {
            let config = Config::named("vit-b").unwrap().as_model(model).frames(8);
            let forward = crate::vivit::record(&config, &Request::new(1, ClipLayout::Btchw)).unwrap().graph;
            let products = |graph: &Graph, family: &str| -> u64 {
                let own = graph.nodes().iter().filter(|node| node.call.family().name == family);
                own.map(|node| node.call.multiply_accumulates()).sum()
            };
            let step = recorded(&config, 1).unwrap().graph.multiply_accumulates();
            let three = 3 * forward.multiply_accumulates();
            let (embedding, attention) = (products(&forward, "tubelet_embed"), products(&forward, "attention"));
            assert!(embedding > 0 && attention > 0);
            assert!((three - embedding..=three + attention).contains(&step), "{model}: {step}, three passes {three}");
        }
    }

    /// A step by the references does what the formula says: v = g, θ ← θ − rate·v.
    #[test]
    fn what_is_compared_is_the_update() {
        let config = small(Model::all()[3]);
        let weights = forward::untrained_weights(config.clone())().unwrap();
        let problem = problem(&config, weights.clone(), 2).unwrap();
        let outputs = problem.outputs(&Device::references(), &Selection::automatic()).unwrap();
        let names: Vec<_> = problem.wanted.iter().map(|value| problem.graph.name(*value)).collect();
        let of = |name: &str| outputs[names.iter().position(|own| *own == name).unwrap()].as_f32().unwrap();
        let loss: f32 = of("loss").iter().sum();
        assert!((0.5..5.0).contains(&loss), "{loss}");
        let bias = "output_projection.bias";
        let before = weights.tensor(bias).unwrap();
        let (after, velocity) = (of(&format!("{bias} stepped")), of(&format!("optimiser.velocity.{bias} stepped")));
        assert!(velocity.iter().any(|velocity| velocity.abs() > 1e-2), "{velocity:?}");
        for ((before, after), velocity) in before.as_f32().unwrap().iter().zip(after).zip(velocity) {
            let expected = f64::from(*before) - RATE * f64::from(*velocity);
            assert!((f64::from(*after) - expected).abs() < 1e-7, "{after} instead of {expected}");
        }
        let other_blocks = names.iter().filter(|name| name.contains("encoderblock_1"));
        assert_eq!(other_blocks.count(), 0, "{names:?}");
        assert!(names.iter().any(|name| name.contains("encoderblock_0")), "{names:?}");
        assert_eq!(names.iter().filter(|name| name.starts_with("optimiser.velocity.")).count(), (names.len() - 2) / 2);
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn a_step_on_the_processor_is_right_and_again_the_same() {
        let config = small(Model::all()[0]);
        let weights = forward::untrained_weights(config.clone())().unwrap();
        let problem = problem(&config, weights, 1).unwrap();
        let device = Device::host(Some(1)).unwrap();
        let computed = |device: &Device| problem.outputs(device, &Selection::automatic()).unwrap();
        let (first, second) = (computed(&device), computed(&device));
        assert_eq!(first, second, "fresh weights are stepped from");
        let found =
            crate::bench::verification::compared("references", true, &first, &computed(&Device::references()), BOUND);
        assert!(found.passed, "{found:?}");
    }

    #[test]
    fn every_head_has_a_target() {
        use crate::vivit::LabelHead;
        let heads = [("verb", 2), ("noun", 3)].map(|(name, classes)| LabelHead { name: name.into(), classes });
        let config = small(Model::all()[0]).labelling(Labelling::Heads(heads.into()));
        let targets = targets(&config, 3).unwrap();
        let expected = [1., 0., 1., 0., 0., 0., 1., 0., 1., 0., 1., 0., 0., 0., 1.];
        assert_eq!(targets.as_f32().unwrap(), expected);
    }
}
