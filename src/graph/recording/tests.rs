//! What recording gives and what it refuses.

use super::*;
use crate::kernels::attention::{Attention, Mask, Qkv, Sequences};
use crate::kernels::rows::LayerNorm;
use crate::kernels::weights::SgdStep;

const CALL: LayerNorm = LayerNorm { rows: 2, width: 3, epsilon: 1e-6 };

fn recorded() -> (Graph, [Option<Value>; 3]) {
    let mut graph = Graph::new();
    let x = graph.input("x", [2, 3], Element::F32).unwrap();
    let weights = graph.weights(&["w".to_owned()], [3]).unwrap();
    (graph, [Some(x), Some(weights), Some(weights)])
}

/// A step of gradient descent on the last of two values.
fn step(graph: &mut Graph, gradient: Value, value: Value, name: &str) -> Result<Value> {
    let rate = graph.find("rate").map_or_else(|| graph.input("rate", [1], Element::F32), Ok)?;
    let call = SgdStep::new(2, 3);
    graph.call(call, &[Some(gradient), Some(rate), Some(value), None], name, [2, 3])
}

#[test]
fn what_an_update_replaces_is_gone() {
    let mut graph = Graph::new();
    let [x, gradient] = ["x", "gradient"].map(|name| graph.input(name, [2, 3], Element::F32).unwrap());
    let first = step(&mut graph, gradient, x, "first").unwrap();
    assert_eq!(graph.nodes()[0].updates().collect::<Vec<_>>(), [(x, first)]);
    let message = step(&mut graph, x, first, "second").unwrap_err().to_string();
    assert!(message.contains("x has been overwritten: its memory holds first now"), "{message}");
    assert!(step(&mut graph, first, x, "second").is_err() && graph.output(x).is_err());
    let message = step(&mut graph, first, first, "second").unwrap_err().to_string();
    assert!(message.contains("first is given twice"), "{message}");
    graph.output(first).unwrap();
    let message = step(&mut graph, gradient, first, "second").unwrap_err().to_string();
    assert!(message.contains("first is an output"), "{message}");
    assert_eq!(graph.nodes().len(), 1);
}

#[test]
fn what_others_read_is_not_updated() {
    let mut graph = Graph::new();
    let gradient = graph.input("gradient", [2, 3], Element::F32).unwrap();
    let table = graph.constant("table", Tensor::zeros([2, 3], Element::F32)).unwrap();
    let message = step(&mut graph, gradient, table, "y").unwrap_err().to_string();
    assert!(message.contains("table is a constant"), "{message}");
    let [one, other] = ["a", "b"].map(str::to_owned);
    graph.weights(&[one.clone(), other.clone()], [4, 3]).unwrap();
    let alone = graph.weights(std::slice::from_ref(&one), [2, 3]).unwrap();
    let message = step(&mut graph, gradient, alone, "y").unwrap_err().to_string();
    assert!(message.contains("weights a + b are read and a are updated"), "{message}");
    let mut graph = Graph::new();
    let gradient = graph.input("gradient", [2, 3], Element::F32).unwrap();
    let alone = graph.weights(std::slice::from_ref(&one), [2, 3]).unwrap();
    step(&mut graph, gradient, alone, "y").unwrap();
    assert!(graph.weights(&[one, other.clone()], [4, 3]).is_err());
    assert!(graph.weights(&[other], [2, 3]).is_ok());
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_graph_as_it_was() {
    let (mut graph, inputs) = recorded();
    let values = graph.values().count();
    let narrow = LayerNorm { width: 2, ..CALL };
    assert!(graph.call(narrow, &inputs, "y", [2, 2]).is_err(), "shapes");
    assert!(graph.call(CALL, &inputs[..2], "y", [2, 3]).is_err(), "an input is missing");
    assert!(graph.call(CALL, &[inputs.as_slice(), &[None]].concat(), "y", [2, 3]).is_err(), "one too many");
    assert!(graph.call(CALL, &inputs, "y", [7]).is_err(), "the output's shape");
    assert!(graph.call(CALL, &inputs, "x", [2, 3]).is_err(), "a name twice");
    assert!(graph.weights(&["w".to_owned()], [4]).is_err(), "weights of another shape");
    assert_eq!((graph.values().count(), graph.nodes().len()), (values, 0));
    assert_eq!(graph.find("y"), None);
    graph.call(CALL, &inputs, "y", [1, 2, 3]).unwrap();
}

#[test]
fn a_call_has_as_many_outputs_as_are_named() {
    let mut graph = Graph::new();
    let call = Attention::new(Qkv::in_planes(4, 2, 3), Sequences::joint(1, 4), Mask::NONE).statistics();
    let qkv = graph.input("qkv", [6, 4, 3], Element::F32).unwrap();
    let inputs = [Some(qkv), Some(qkv), Some(qkv), None];
    let (out, numbers) = (Shape::from([4, 6]), Shape::from([2, 2, 4]));
    assert!(graph.call(call.clone(), &inputs, "out", out.clone()).is_err(), "one of two");
    let refused = [
        vec![],
        vec![("out", out.clone()), ("out", numbers.clone())],
        vec![("out", out.clone()), ("qkv", numbers.clone())],
        vec![("out", out.clone()), ("numbers", out.clone())],
    ];
    for outputs in refused {
        assert!(graph.call_many(call.clone(), &inputs, &outputs).is_err(), "{outputs:?}");
    }
    assert_eq!((graph.values().count(), graph.nodes().len()), (1, 0));
    let values = graph.call_many(call, &inputs, &[("out", out), ("numbers", numbers)]).unwrap();
    assert_eq!(graph.nodes()[0].outputs().collect::<Vec<_>>(), values);
    assert_eq!(graph.name(values[1]), "numbers");
}

#[test]
fn weights_asked_for_twice_are_one_value() {
    let (mut graph, [_, weights, _]) = recorded();
    assert_eq!(graph.weights(&["w".to_owned()], [3]).ok(), weights);
}
