//! Small graphs: one that reads a weight, and one that steps it.

use tubelet::graph::{Graph, Weights};
use tubelet::kernels::products::Linear;
use tubelet::kernels::rounded_reference;
use tubelet::kernels::rows::{Pointwise, Step};
use tubelet::kernels::weights::SgdStep;
use tubelet::tensor::{Element, Error, Result, Tensor, Tolerance};

/// No weights at all.
pub(super) struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("there is no weight {name}")))
    }
}

/// A weight, and a velocity of zeros, from the start.
pub(super) struct Start;

pub(super) const WEIGHT: [usize; 2] = [19, 24];

impl Weights for Start {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name {
            "velocity" => Ok(Tensor::zeros(WEIGHT, Element::F32)),
            _ => numbers(WEIGHT, 0.7),
        }
    }
}

pub(super) fn numbers(shape: [usize; 2], factor: f32) -> Result<Tensor> {
    Tensor::f32(shape, (0..shape[0] * shape[1]).map(|place| (place as f32 * factor).sin()).collect())
}

/// A product by a weight that the graph computes, and by one that is fed.
pub(super) fn product(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear::new(rows, inner, columns)
}

/// x times the weight, and the weight itself as a layer of sums reads it: in rows.
pub(super) fn forward_graph() -> Result<Graph> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let weight = graph.weights(&["weight".to_owned()], WEIGHT)?;
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    let product = graph.call(call, &[Some(x), Some(weight), None, None], "product", [5, WEIGHT[0]])?;
    let call = Pointwise { rows: WEIGHT[0], width: WEIGHT[1], step: Step::Sum };
    let twice = graph.call(call, &[Some(weight), Some(weight)], "twice", WEIGHT)?;
    graph.output(product)?;
    graph.output(twice)?;
    Ok(graph)
}

/// A step of gradient descent on the weight, and the product by what it has become.
pub(super) fn step_graph() -> Result<Graph> {
    let mut graph = Graph::new();
    let x = graph.input("x", [5, WEIGHT[1]], Element::F32)?;
    let gradient = graph.input("gradient", WEIGHT, Element::F32)?;
    let rate = graph.input("rate", [1], Element::F32)?;
    let [weight, velocity] = ["weight", "velocity"].map(|name| graph.weights(&[name.to_owned()], WEIGHT));
    let step = SgdStep::new(WEIGHT[0], WEIGHT[1]).momentum(0.9);
    let inputs = [Some(gradient), Some(rate), Some(weight?), Some(velocity?)];
    let outputs = [("stepped weight", WEIGHT.into()), ("stepped velocity", WEIGHT.into())];
    let stepped = graph.call_many(step, &inputs, &outputs)?;
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    let product = graph.call(call, &[Some(x), Some(stepped[0]), None, None], "product after", [5, WEIGHT[0]])?;
    graph.output(stepped[0])?;
    graph.output(product)?;
    Ok(graph)
}

/// x · Wᵀ.
pub(super) fn times(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let call = product(5, WEIGHT[1], WEIGHT[0]);
    Ok(rounded_reference(&call, &[Some(x), Some(weight), None, None])?.remove(0))
}

/// One weight of 24 half a unit of an f16 away.
pub(super) const HALF_APART: Tolerance = Tolerance { relative_l2: 1e-4, share_of_peak: 1e-4 };
