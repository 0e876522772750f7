//! The layer in tract.

use std::error::Error;

use rust_peers::Layer;
use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let layer = Layer::of_arguments()?;
    let input = layer.input()?;
    let model = tract_onnx::onnx()
        .model_for_path(layer.onnx())?
        .with_input_fact(0, f32::fact(&input.shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let input = Tensor::from_shape(&input.shape, &input.values)?;
    layer.measure("tract", "", || {
        let output = model.run(tvec!(input.clone().into()))?;
        Ok(output[0].to_plain_array_view::<f32>()?.iter().copied().collect())
    })
}
