//! The layer in rten.

use std::error::Error;

use rten::Model;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use rust_peers::Layer;

fn main() -> Result<(), Box<dyn Error>> {
    let layer = Layer::of_arguments()?;
    let model = Model::load_file(layer.onnx())?;
    let input = layer.input()?;
    let input = Tensor::from_data(input.shape.as_slice(), input.values.clone());
    layer.measure("rten", "", || {
        let output: Tensor<f32> = model.run_one(input.view().into(), None)?.try_into()?;
        Ok(output.into_data().to_vec())
    })
}
