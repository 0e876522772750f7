use std::sync::Arc;

use super::*;
use crate::graph::{Device, DeviceWeights, ExecutorOptions, Feed, MemoryPlan, Origin, Weights};
use crate::kernels::Activation;
use crate::kernels::products::Linear;
use crate::kernels::rows::{CrossEntropy, LayerNorm, SigmoidCrossEntropy, Softmax, Target};
use crate::kernels::weights::SgdStep;
use crate::tensor::{Element, ErrorKind, Shape, Tensor};

const ROWS: usize = 3;
const WIDTH: usize = 4;

/// Weights that differ by name and element.
struct Waves;

impl Weights for Waves {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let shape: Shape = if name.ends_with("kernel") { [WIDTH, WIDTH].into() } else { [WIDTH].into() };
        let first = name.bytes().map(f32::from).sum::<f32>();
        Tensor::f32(shape.clone(), (0..shape.elements()).map(|index| (first + 0.7 * index as f32).sin()).collect())
    }
}

fn linear(graph: &mut Graph, x: Value, name: &str) -> Value {
    let kernel = graph.weights(&[format!("{name}.kernel")], [WIDTH, WIDTH]).unwrap();
    let call = Linear::new(ROWS, WIDTH, WIDTH);
    graph.call(call, &[Some(x), Some(kernel), None, None], name, [ROWS, WIDTH]).unwrap()
}

fn activated(graph: &mut Graph, x: Value, name: &str) -> Value {
    let call = Pointwise { rows: ROWS, width: WIDTH, step: Step::Activation(Activation::GeluTanh) };
    graph.call(call, &[Some(x), None], name, [ROWS, WIDTH]).unwrap()
}

fn sum(graph: &mut Graph, one: Value, other: Value, name: &str) -> Value {
    let call = Pointwise { rows: ROWS, width: WIDTH, step: Step::Sum };
    graph.call(call, &[Some(one), Some(other)], name, [ROWS, WIDTH]).unwrap()
}

/// Blocks x + b(gelu(a(x))), of which the calls are told.
fn blocks(count: usize) -> (Graph, Value, Vec<Range<usize>>) {
    let mut graph = Graph::new();
    let clip = graph.input("x", [ROWS, WIDTH], Element::F32).unwrap();
    let mut x = linear(&mut graph, clip, "stem");
    let mut ranges = Vec::new();
    for block in 0..count {
        let first = graph.nodes().len();
        let wide = linear(&mut graph, x, &format!("a{block}"));
        let wide = activated(&mut graph, wide, &format!("gelu{block}"));
        let narrow = linear(&mut graph, wide, &format!("b{block}"));
        x = sum(&mut graph, x, narrow, &format!("out{block}"));
        ranges.push(first..graph.nodes().len());
    }
    (graph, x, ranges)
}

fn weights(graph: &Graph) -> Vec<Value> {
    graph.values().filter(|value| matches!(graph.origin(*value), Origin::Weights(_))).collect()
}

fn feed() -> Tensor {
    Tensor::f32([ROWS, WIDTH], (0..ROWS * WIDTH).map(|index| (0.9 * index as f32).cos()).collect()).unwrap()
}

/// The wanted values, by the references.
fn computed(graph: Graph, wanted: &[Value], weights: Arc<dyn Weights>) -> Vec<Vec<f32>> {
    let device = Device::references();
    let weights = DeviceWeights::new(&device, weights);
    let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait().unwrap();
    let found = executor.run(&[("x", Feed::Host(&feed()))], wanted).wait().unwrap();
    found.iter().map(|tensor| tensor.as_f32().unwrap().to_vec()).collect()
}

/// The sum of all outputs of [`blocks`], with one element of a kernel moved.
fn loss(moved: (&str, usize, f32)) -> f64 {
    struct Moved(String, usize, f32);
    impl Weights for Moved {
        fn tensor(&self, name: &str) -> Result<Tensor> {
            let tensor = Waves.tensor(name)?;
            let mut values = tensor.as_f32()?.to_vec();
            if name == self.0 {
                values[self.1] += self.2;
            }
            Tensor::f32(tensor.shape().clone(), values)
        }
    }
    let (mut graph, out, _) = blocks(2);
    graph.output(out).unwrap();
    let moved = Arc::new(Moved(moved.0.to_owned(), moved.1, moved.2));
    computed(graph, &[out], moved)[0].iter().map(|value| f64::from(*value)).sum()
}

#[test]
fn gradients_are_those_of_differences() {
    let (mut graph, out, _) = blocks(2);
    let wanted = weights(&graph);
    let gradients: Vec<_> =
        graph.gradients(&[Cotangent::Ones(out)], &wanted, &[]).unwrap().into_iter().flatten().collect();
    assert_eq!(gradients.len(), 5);
    gradients.iter().for_each(|gradient| graph.output(*gradient).unwrap());
    let found = computed(graph.clone(), &gradients, Arc::new(Waves));
    for (weight, gradient) in wanted.iter().zip(&found) {
        let name = graph.name(*weight);
        for index in [0, 5, WIDTH * WIDTH - 1] {
            let step = 4e-3;
            let difference = (loss((name, index, step)) - loss((name, index, -step))) / (2.0 * f64::from(step));
            let close = (difference - f64::from(gradient[index])).abs() < 2e-3 * difference.abs().max(1.0);
            assert!(close, "{name}[{index}]: {} instead of {difference}", gradient[index]);
        }
    }
}

#[test]
fn gradients_have_names_and_shapes_of_their_values() {
    let (mut graph, out, _) = blocks(2);
    let wanted = weights(&graph);
    let gradients = graph.gradients(&[Cotangent::Ones(out)], &wanted, &[]).unwrap();
    for (value, gradient) in wanted.iter().zip(&gradients) {
        let gradient = gradient.unwrap();
        assert_eq!(graph.name(gradient), format!("gradient of {}", graph.name(*value)));
        assert_eq!(graph.shape(gradient), graph.shape(*value));
    }
    assert!(graph.find("gradient of gelu0").is_some() && graph.find("gradient of x").is_none());
    // Once more: what is called so already keeps its name.
    let again = graph.gradients(&[Cotangent::Ones(out)], &wanted[..1], &[]).unwrap();
    assert_eq!(graph.name(again[0].unwrap()), "gradient of stem.kernel 2");
}

#[test]
fn what_nobody_wants_is_not_computed() {
    let (mut graph, out, _) = blocks(2);
    let before = graph.nodes().len();
    let last = graph.find("b1.kernel").unwrap();
    let gradients = graph.gradients(&[Cotangent::Ones(out)], &[last], &[]).unwrap();
    // Of the last product's weight alone: one call, from ones.
    assert_eq!(graph.nodes().len(), before + 1, "{gradients:?}");
    let unseen = graph.weights(&["unseen.kernel"], [WIDTH, WIDTH]).unwrap();
    assert_eq!(graph.gradients(&[Cotangent::Ones(out)], &[unseen], &[]).unwrap(), [None]);
    assert_eq!(graph.nodes().len(), before + 1);
}

#[test]
fn a_given_cotangent_is_passed_on() {
    let (mut graph, out, _) = blocks(2);
    let cotangent = graph.input("cotangent", [ROWS, WIDTH], Element::F32).unwrap();
    let begin = Cotangent::Given { of: out, cotangent };
    let residual = graph.find("out0").unwrap();
    let direct = graph.gradients(&[begin], &[out, residual], &[]).unwrap();
    assert_eq!(direct[0], Some(cotangent));
    assert_eq!(graph.name(direct[1].unwrap()), "gradient of out0");
}

#[test]
fn blocks_computed_again_give_the_same_bits_in_less_memory() {
    let gradients = |recompute: bool| {
        let (mut graph, out, ranges) = blocks(6);
        let wanted = weights(&graph);
        let ranges = if recompute { ranges } else { Vec::new() };
        let found = graph.gradients(&[Cotangent::Ones(out)], &wanted, &ranges).unwrap();
        let found: Vec<_> = found.into_iter().flatten().collect();
        found.iter().for_each(|gradient| graph.output(*gradient).unwrap());
        (graph.clone(), computed(graph, &found, Arc::new(Waves)))
    };
    let ((kept, from_kept), (anew, from_anew)) = (gradients(false), gradients(true));
    assert_eq!(from_kept, from_anew);
    assert!(MemoryPlan::new(&anew).bytes() < MemoryPlan::new(&kept).bytes());
    // Neither what a block hands on nor its last product is computed again.
    assert!(anew.find("gelu0 again").is_some());
    assert!(anew.find("out0 again").is_none() && anew.find("b0 again").is_none());
}

#[test]
fn what_has_no_gradient_is_named() {
    let mut graph = Graph::new();
    let x = graph.input("x", [ROWS, WIDTH], Element::F32).unwrap();
    let y = linear(&mut graph, x, "y");
    let shares = graph.call(Softmax { rows: ROWS, width: WIDTH }, &[Some(y)], "shares", [ROWS, WIDTH]).unwrap();
    let kernel = graph.find("y.kernel").unwrap();
    let error = graph.gradients(&[Cotangent::Ones(shares)], &[kernel], &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("shares (softmax) has no gradient"), "{error}");
    // Not on the way from what is wanted.
    assert_eq!(graph.gradients(&[Cotangent::Ones(y)], &[kernel], &[]).unwrap().len(), 1);
}

#[test]
fn what_is_overwritten_is_refused() {
    let mut graph = Graph::new();
    let x = graph.input("x", [ROWS, WIDTH], Element::F32).unwrap();
    let rate = graph.input("rate", [1], Element::F32).unwrap();
    let y = linear(&mut graph, x, "y");
    let step = SgdStep::new(ROWS, WIDTH);
    let stepped = graph.call(step, &[Some(x), Some(rate), Some(y), None], "stepped", [ROWS, WIDTH]).unwrap();
    let kernel = graph.find("y.kernel").unwrap();
    let error = graph.gradients(&[Cotangent::Ones(stepped)], &[kernel], &[]).unwrap_err();
    assert!(error.to_string().contains("stepped (sgd_step) overwrites y"), "{error}");
    // What a gradient reads must still be there.
    let mut graph = Graph::new();
    let x = graph.input("x", [1, WIDTH], Element::F32).unwrap();
    let rate = graph.input("rate", [1], Element::F32).unwrap();
    let call = LayerNorm { rows: 1, width: WIDTH, epsilon: 1e-6 };
    let [scale, bias] = ["scale", "bias"].map(|name| graph.weights(&[name], [WIDTH]).unwrap());
    let y = graph.call(call, &[Some(x), Some(scale), Some(bias)], "y", [1, WIDTH]).unwrap();
    let step = SgdStep::new(1, WIDTH);
    graph.call(step, &[Some(y), Some(rate), Some(x), None], "stepped", [1, WIDTH]).unwrap();
    let calls = graph.nodes().len();
    let error = graph.gradients(&[Cotangent::Ones(y)], &[scale], &[]).unwrap_err().to_string();
    assert!(error.contains("x has been overwritten: its memory holds stepped now"), "{error}");
    assert_eq!(graph.nodes().len(), calls);
}

#[test]
fn ranges_must_be_separate() {
    let (mut graph, out, _) = blocks(2);
    let wanted = weights(&graph);
    let too_long = 0..100;
    for ranges in [&[0..3, 2..4][..], std::slice::from_ref(&too_long)] {
        assert!(graph.gradients(&[Cotangent::Ones(out)], &wanted, ranges).is_err(), "{ranges:?}");
    }
}

/// Logits `y` with the losses of their rows and how these grow with the row, by either cross entropy.
fn losses(several: bool) -> (Graph, [Value; 3]) {
    let mut graph = Graph::new();
    let x = graph.input("x", [ROWS, WIDTH], Element::F32).unwrap();
    let y = linear(&mut graph, x, "y");
    let targets = (0..ROWS * WIDTH).map(|index| if index % 3 == 1 { 1.0 } else { 0.0 }).collect();
    let targets = graph.constant("targets", Tensor::f32([ROWS, WIDTH], targets).unwrap()).unwrap();
    let outputs = [("losses", Shape::from([ROWS])), ("slopes", [ROWS, WIDTH].into())];
    let found = match several {
        true => graph.call_many(SigmoidCrossEntropy::new(ROWS, WIDTH), &[Some(y), Some(targets)], &outputs).unwrap(),
        false => {
            let call = CrossEntropy::new(ROWS, WIDTH, Target::Distribution);
            graph.call_many(call, &[Some(y), Some(targets), None], &outputs).unwrap()
        }
    };
    (graph, [y, found[0], found[1]])
}

/// Whatever the whole loss makes of the losses of rows counts: a row's weight, or that they are added twice.
#[test]
fn losses_of_rows_have_the_share_that_the_whole_gives_them() {
    for several in [false, true] {
        let (mut graph, [y, losses_of_rows, slopes]) = losses(several);
        let shares = [2.0, 0.0, -0.5f32];
        let cotangent = graph.constant("shares", Tensor::f32([ROWS], shares.to_vec()).unwrap()).unwrap();
        let begin = Cotangent::Given { of: losses_of_rows, cotangent };
        let gradient = graph.gradients(&[begin], &[y], &[]).unwrap()[0].unwrap();
        let call = Pointwise { rows: 1, width: ROWS, step: Step::Sum };
        let operands = [Some(losses_of_rows), Some(losses_of_rows)];
        let doubled = graph.call(call, &operands, "doubled", [ROWS]).unwrap();
        let twice = graph.gradients(&[Cotangent::Ones(doubled)], &[y], &[]).unwrap()[0].unwrap();
        [gradient, twice, slopes].into_iter().for_each(|value| graph.output(value).unwrap());
        let found = computed(graph, &[gradient, twice, slopes], Arc::new(Waves));
        for (at, slope) in found[2].iter().enumerate() {
            assert_eq!((found[0][at], found[1][at]), (shares[at / WIDTH] * slope, 2.0 * slope), "{several}, {at}");
        }
    }
}

#[test]
fn a_sum_of_losses_is_multiplied_by_nothing_and_slopes_have_no_gradient() {
    for several in [false, true] {
        let (mut graph, [y, losses_of_rows, slopes]) = losses(several);
        let calls = graph.nodes().len();
        let gradients = graph.gradients(&[Cotangent::Ones(losses_of_rows)], &[y], &[]).unwrap();
        assert_eq!((gradients, graph.nodes().len()), (vec![Some(slopes)], calls));
        let both = [Cotangent::Ones(losses_of_rows), Cotangent::Ones(slopes)];
        for loss in [&both[1..], &both[..]] {
            let error = graph.gradients(loss, &[y], &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("output 1"), "{error}");
        }
    }
}
