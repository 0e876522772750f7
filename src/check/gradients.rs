//! The gradients of the four models: of every weight, as a training computes them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::GradientFinding;
use super::models::{Compared, ModelCase, clips, four, small};
use crate::checkpoint;
use crate::graph::{Divergence, Graph, Origin, Value};
use crate::kernels::ClipLayout;
use crate::tensor::{Closeness, Error, Result, Shape, Tensor};
use crate::vivit::{LABELS, Model, Objective, Request, TrainingRecording, record_gradients};

/// What the gradient of a weight may differ by, as a share of its norm.
const CLOSE: f64 = 1e-5;
/// What a gradient that is 0 in theory may be, as a share of the norm of all together.
const NOTHING: f64 = 1e-6;
/// What the loss may differ by, as a share of it.
const LOSS: f64 = 2e-6;

/// The label of each clip: two, so that gradients are sums over a batch.
const LABELLED: [u32; 2] = [3, 8];
/// The share of each target that is spread over all classes, as the paper trains.
const SMOOTHING: f32 = 0.1;

/// The gradients of the four models at a small size, with random weights and clips of `seed`: forward, loss and backward,
/// as a training records them.
///
/// The gradient of every weight is compared with the references'. A key bias has none in theory: what is found instead is
/// compared with the norm of all gradients together.
pub fn model_gradients(seed: u64) -> Result<Vec<ModelCase>> {
    four().into_iter().map(|model| case(model, seed)).collect()
}

fn case(model: Model, seed: u64) -> Result<ModelCase> {
    let checkpoint = checkpoint::untrained(small(model)?, seed)?;
    let request = Request::new(LABELLED.len(), ClipLayout::Btchw);
    let objective = Objective::new().smoothing(SMOOTHING);
    let recorded = record_gradients(&checkpoint.config, &request, &objective)?;
    let sought = SoughtGradients::of(&recorded)?;
    let labels = Tensor::u32([LABELLED.len(), 1], LABELLED.to_vec())?;
    let clips = clips(&checkpoint.config, &request, seed)?;
    let feeds = vec![("clip".to_owned(), clips), (LABELS.to_owned(), labels)];
    let name = format!("gradients of {model}");
    let case = ModelCase::new(name, recorded.recording.graph, checkpoint.parameters, feeds);
    Ok(case.seeded(seed).seeking(sought))
}

/// Where a graph has its loss and the gradients of its weights.
#[derive(Clone, Debug)]
pub(super) struct SoughtGradients {
    /// Whose sum the loss is.
    loss: Value,
    weights: Vec<SoughtGradient>,
}

/// Where the gradient of one weight is.
#[derive(Clone, Debug)]
struct SoughtGradient {
    weight: String,
    /// The gradient, or a stack of several.
    stack: Value,
    /// Its own elements there.
    elements: Range<usize>,
}

impl SoughtGradient {
    /// Whether it is 0 in theory: the softmax does not see what is added to a whole row of scores.
    fn is_zero_in_theory(&self) -> bool {
        self.weight.ends_with(".key.bias")
    }
}

impl SoughtGradients {
    /// Each weight's gradient is a value of its own.
    pub(super) fn whole(graph: &Graph, loss: Value, gradients: Vec<(String, Value)>) -> Self {
        let sought = |(weight, stack): (String, Value)| SoughtGradient {
            weight,
            stack,
            elements: 0..graph.shape(stack).elements(),
        };
        Self { loss, weights: gradients.into_iter().map(sought).collect() }
    }

    fn of(recorded: &TrainingRecording) -> Result<Self> {
        let specs = recorded.recording.parameters.iter();
        let shapes: BTreeMap<&str, &Shape> = specs.map(|spec| (spec.name.as_str(), &spec.shape)).collect();
        let mut weights = Vec::new();
        for stack in &recorded.gradients {
            let mut start = 0;
            for part in &stack.parts {
                let shape = shapes.get(part.as_str()).ok_or_else(|| Error::usage(format!("{part} is no parameter")))?;
                let elements = start..start + shape.elements();
                start = elements.end;
                weights.push(SoughtGradient { weight: part.clone(), stack: stack.gradient, elements });
            }
        }
        Ok(Self { loss: recorded.loss, weights })
    }

    /// What was found of each weight, in the order of the forward pass.
    pub(super) fn findings(&self, graph: &Graph, compared: &Compared) -> Result<Vec<GradientFinding>> {
        let pairs: Vec<_> = self.weights.iter().map(|sought| compared.own(graph, sought)).collect::<Result<_>>()?;
        let all = pairs.iter().map(|(_, expected)| norm(expected).powi(2)).sum::<f64>().sqrt();
        let finding = |(sought, (actual, expected)): (&SoughtGradient, &(&[f32], &[f32]))| {
            let zero_in_theory = sought.is_zero_in_theory();
            let (distance, bound) = match zero_in_theory {
                true => (norm(actual) / all, NOTHING),
                false => (apart(actual, expected) / norm(expected), CLOSE),
            };
            let (kernel, variant) = computed_by(graph, compared, sought.stack)?;
            Ok(GradientFinding { weight: sought.weight.clone(), kernel, variant, zero_in_theory, distance, bound })
        };
        self.weights.iter().zip(&pairs).map(finding).collect()
    }

    /// What is wrong with loss and gradients, in a sentence, and the call that computes it; `None` where nothing is.
    pub(super) fn wrong(
        &self,
        graph: &Graph,
        compared: &Compared,
        findings: &[GradientFinding],
    ) -> Result<Option<(String, Divergence)>> {
        let (actual, expected) = compared.both(graph, self.loss)?;
        let [actual, expected] = [sum(actual.as_f32()?), sum(expected.as_f32()?)];
        let share = (actual - expected).abs() / expected.abs();
        let within = share <= LOSS;
        if !within {
            let wrong = format!("the loss is {actual} instead of {expected}");
            return Ok(Some((wrong, divergence(graph, compared, self.loss)?)));
        }
        let off: Vec<_> = self.weights.iter().zip(findings).filter(|(_, finding)| !finding.is_close()).collect();
        // The first that a backward pass computes.
        let Some((sought, finding)) = off.iter().min_by_key(|(sought, _)| sought.stack) else { return Ok(None) };
        let GradientFinding { weight, distance, bound, zero_in_theory, .. } = finding;
        let share = if *zero_in_theory { "of the norm of all gradients, and 0 in theory" } else { "of its norm off" };
        let others = match off.len() {
            1 => String::new(),
            several => format!(", and {} more are wrong", several - 1),
        };
        let wrong = format!("the gradient of {weight} is {distance:.1e} {share}, {bound:.0e} is accepted{others}");
        Ok(Some((wrong, divergence(graph, compared, sought.stack)?)))
    }
}

impl Compared {
    /// A value as the device and the references have computed it.
    fn both(&self, graph: &Graph, value: Value) -> Result<(&Tensor, &Tensor)> {
        let read = graph.computed().position(|computed| computed == value);
        let pair = read.and_then(|read| self.actual.get(read).zip(self.expected.get(read)));
        pair.ok_or_else(|| Error::usage(format!("{} is not computed", graph.name(value))))
    }

    /// The same of one gradient.
    fn own(&self, graph: &Graph, sought: &SoughtGradient) -> Result<(&[f32], &[f32])> {
        let (actual, expected) = self.both(graph, sought.stack)?;
        Ok((part(actual, sought)?, part(expected, sought)?))
    }
}

/// The elements of a stack that are one gradient.
fn part<'a>(stack: &'a Tensor, sought: &SoughtGradient) -> Result<&'a [f32]> {
    let own = stack.as_f32()?.get(sought.elements.clone());
    own.ok_or_else(|| Error::usage(format!("the gradient of {} has too few elements", sought.weight)))
}

/// The kernel and the variant that compute a value.
fn computed_by(graph: &Graph, compared: &Compared, value: Value) -> Result<(&'static str, &'static str)> {
    let node = match graph.origin(value) {
        Origin::Call(call) => graph.nodes().get(*call).map(|node| (*call, node)),
        _ => None,
    };
    let (call, node) = node.ok_or_else(|| Error::usage(format!("{} is not computed", graph.name(value))))?;
    Ok((node.call.family().name, compared.implementations.get(call).copied().unwrap_or_default()))
}

/// How the call that computes a value differs.
fn divergence(graph: &Graph, compared: &Compared, value: Value) -> Result<Divergence> {
    let (actual, expected) = compared.both(graph, value)?;
    let unlike = || Error::usage(format!("the executors disagree on the shape of {}", graph.name(value)));
    let closeness = Closeness::between(actual, expected).ok_or_else(unlike)?;
    Divergence::at(graph, value, closeness)
}

fn sum(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum()
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

fn apart(actual: &[f32], expected: &[f32]) -> f64 {
    let squares = actual.iter().zip(expected).map(|(a, e)| (f64::from(*a) - f64::from(*e)).powi(2));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Device, ExecutorOptions};

    /// A case, and what the references compute on both sides.
    fn computed(model: usize) -> (ModelCase, SoughtGradients, Compared) {
        let model = four()[model];
        let case = case(model, 3).unwrap();
        let request = Request::new(LABELLED.len(), ClipLayout::Btchw);
        let objective = Objective::new().smoothing(SMOOTHING);
        let sought = SoughtGradients::of(&record_gradients(&small(model).unwrap(), &request, &objective).unwrap());
        let (expected, implementations) = case.computed(&Device::references(), &ExecutorOptions::default()).unwrap();
        (case, sought.unwrap(), Compared { actual: expected.clone(), expected, implementations })
    }

    /// What is wrong where the gradient of `changed` is changed.
    fn refused(
        graph: &Graph,
        sought: &SoughtGradients,
        compared: &mut Compared,
        changed: &SoughtGradient,
        change: impl Fn(&mut [f32]),
    ) -> Option<String> {
        let read = graph.computed().position(|value| value == changed.stack).unwrap();
        let right = compared.actual[read].clone();
        let mut values = right.as_f32().unwrap().to_vec();
        change(&mut values[changed.elements.clone()]);
        compared.actual[read] = Tensor::f32(right.shape().clone(), values).unwrap();
        let findings = sought.findings(graph, compared).unwrap();
        let wrong = sought.wrong(graph, compared, &findings).unwrap();
        compared.actual[read] = right;
        wrong.map(|(wrong, _)| wrong)
    }

    #[test]
    fn a_gradient_that_is_a_little_off_is_named() {
        let (case, sought, mut compared) = computed(3);
        let (finding, fault) = case.judge(&compared).unwrap();
        assert!(fault.is_none(), "{fault:?}");
        assert_eq!(finding.gradients.len(), sought.weights.len());
        let zero = finding.gradients.iter().filter(|gradient| gradient.zero_in_theory).count();
        assert_eq!(zero, 2, "a key bias in each of two layers");
        for weight in &sought.weights {
            let mut refused =
                |change: &dyn Fn(&mut [f32])| refused(&case.graph, &sought, &mut compared, weight, change);
            let named = |wrong: Option<String>| {
                let wrong = wrong.unwrap_or_else(|| panic!("nothing is found in {}", weight.weight));
                assert!(wrong.contains(&format!("the gradient of {} is ", weight.weight)), "{wrong}");
            };
            if weight.is_zero_in_theory() {
                named(refused(&|values| values[0] += 1e-3));
            } else {
                named(refused(&|values| values.iter_mut().for_each(|value| *value *= 1.0 + 3e-5)));
                let rounded = refused(&|values| values.iter_mut().for_each(|value| *value *= 1.0 + 3e-6));
                assert_eq!(rounded, None, "rounding is refused");
            }
            named(refused(&|values| values[0] = f32::NAN));
        }
    }

    #[test]
    fn a_wrong_loss_is_named_with_its_call() {
        let (case, sought, mut compared) = computed(0);
        let read = case.graph.computed().position(|value| value == sought.loss).unwrap();
        let wrong = compared.actual[read].as_f32().unwrap().iter().map(|loss| loss * 1.0001).collect();
        compared.actual[read] = Tensor::f32([LABELLED.len()], wrong).unwrap();
        let (_, fault) = case.judge(&compared).unwrap();
        let (reason, divergence) = fault.unwrap();
        assert!(reason.starts_with("the loss is ") && divergence.kernel == "cross_entropy", "{reason}");
    }
}
