//! The layer in tubelet, on the processor.

use std::error::Error;
use std::sync::Arc;

use rust_peers::Layer;
use tubelet::graph::{DeviceWeights, ExecutorOptions, Feed, Graph, Value, Weights};
use tubelet::kernels::Activation;
use tubelet::kernels::attention::{Attention, Mask, Qkv, Sequences};
use tubelet::kernels::products::{Linear, OutputLayout};
use tubelet::kernels::rows::LayerNorm;
use tubelet::tensor::Element;
use tubelet::{Device, Tensor};

const HEADS: usize = 12;
const WIDTH: usize = 768;
const HIDDEN: usize = 4 * WIDTH;

struct Named(Layer);

impl Weights for Named {
    fn tensor(&self, name: &str) -> tubelet::Result<Tensor> {
        let found = self.0.tensor(name).ok_or_else(|| tubelet::Error::usage(format!("there is no tensor {name}")))?;
        Tensor::f32(found.shape.as_slice(), found.values.clone())
    }
}

/// x + attention, then x + MLP, for `sequences` of as many tokens each.
fn record(count: usize, tokens: usize) -> tubelet::Result<(Graph, Value)> {
    let rows = count * tokens;
    let mut graph = Graph::new();
    let x = graph.input("input", [rows, WIDTH], Element::F32)?;
    let normed = norm(&mut graph, "n1", x)?;
    let planes = OutputLayout::Planes { width: WIDTH / HEADS };
    let qkv = (linear(rows, WIDTH, 3 * WIDTH)).output(planes);
    let qkv = dense(&mut graph, "a.qkv", qkv, normed, None)?;
    let packing = Qkv::in_planes(rows, HEADS, WIDTH / HEADS);
    let attention = Attention::new(packing, Sequences::joint(count, tokens), Mask::NONE);
    let context = graph.call(attention, &[Some(qkv), Some(qkv), Some(qkv), None], "context", [rows, WIDTH])?;
    let x = dense(&mut graph, "a.o", linear(rows, WIDTH, WIDTH), context, Some(x))?;
    let normed = norm(&mut graph, "n2", x)?;
    let wide = linear(rows, WIDTH, HIDDEN).activation(Some(Activation::GeluErf));
    let hidden = dense(&mut graph, "f1", wide, normed, None)?;
    let output = dense(&mut graph, "f2", linear(rows, HIDDEN, WIDTH), hidden, Some(x))?;
    graph.output(output)?;
    Ok((graph, output))
}

fn linear(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear::new(rows, inner, columns).bias(true)
}

fn norm(graph: &mut Graph, path: &str, x: Value) -> tubelet::Result<Value> {
    let rows = graph.shape(x).rows();
    let [scale, bias] = ["weight", "bias"].map(|part| format!("{path}.{part}"));
    let (scale, bias) = (graph.weights(&[scale], [WIDTH])?, graph.weights(&[bias], [WIDTH])?);
    let call = LayerNorm { rows, width: WIDTH, epsilon: 1e-6 };
    graph.call(call, &[Some(x), Some(scale), Some(bias)], path, [rows, WIDTH])
}

fn dense(graph: &mut Graph, path: &str, call: Linear, x: Value, residual: Option<Value>) -> tubelet::Result<Value> {
    let shape = match call.output {
        OutputLayout::Planes { width } => vec![call.columns / width, call.rows, width],
        _ => vec![call.rows, call.columns],
    };
    let weight = graph.weights(&[format!("{path}.weight")], [call.columns, call.inner])?;
    let bias = graph.weights(&[format!("{path}.bias")], [call.columns])?;
    let call = call.residual(residual.is_some());
    graph.call(call, &[Some(x), Some(weight), Some(bias), residual], path, shape)
}

fn main() -> Result<(), Box<dyn Error>> {
    let layer = Layer::of_arguments()?;
    let input = layer.input()?;
    let [count, tokens, _] = *input.shape.as_slice() else { return Err("the input is not [B, N, C]".into()) };
    let input = Tensor::f32([count * tokens, WIDTH], input.values.clone())?;
    let device = Device::host(Some(1))?;
    let weights = DeviceWeights::new(&device, Arc::new(Named(Layer::of_arguments()?)));
    let (graph, output) = record(count, tokens)?;
    let executor = device.prepare(Arc::new(graph), &weights, &ExecutorOptions::default()).wait()?;
    layer.measure("tubelet", device.name(), || {
        let found = executor.run(&[("input", Feed::Host(&input))], &[output]).wait()?;
        Ok(found[0].as_f32()?.to_vec())
    })
}
