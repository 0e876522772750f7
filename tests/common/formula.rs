//! Models whose parameters and clip are formulas (spec §11.1).

use tubelet::graph::Weights;
use tubelet::tensor::{Error, Shape, Tensor};
use tubelet::vivit::{Classifier, Config, Gelu, Labelling, Model, ParameterSpec, Parameters, Tubelet};

/// The sizes of the golden vectors' models: 3×2×3 tubelets, 5 classes.
pub(crate) fn config(model: Model, classifier: Classifier) -> Config {
    Config::named("vit-b")
        .unwrap()
        .model(model)
        .frames(6)
        .rows(8)
        .columns(12)
        .planes(3)
        .tubelet(Tubelet { frames: 2, rows: 4, columns: 4 })
        .frame_sampling(None)
        .width(12)
        .layers(2)
        .heads(4)
        .hidden(24)
        .classes(5)
        .labelling(Labelling::Single)
        .classifier(classifier)
        .layer_norm_eps(1e-6)
        .gelu(Gelu::Tanh)
        .qkv_bias(true)
        .representation_size(None)
}

/// The clip of the golden vectors.
pub(crate) fn clip() -> Result<Tensor, Error> {
    let shape = Shape::from([1, 6, 8, 12, 3]);
    let values = (0..shape.elements()).map(|place| (0.11 * place as f64).cos() as f32).collect();
    Tensor::f32(shape, values)
}

/// Parameters by the formula of the golden vectors: element k of the tensor whose path is the i-th in byte order, in
/// the original's layout, is 0.25·sin(0.37·k + 1.3·i), one more for a scale.
#[derive(Debug)]
pub(crate) struct Formula {
    specs: Vec<ParameterSpec>,
    /// In the original's order.
    pub(crate) paths: Vec<String>,
}

impl Formula {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        config.validate()?;
        let specs = config.parameters()?;
        let mut paths: Vec<_> = specs.iter().map(|spec| path(&spec.name)).collect();
        paths.sort_unstable();
        Ok(Self { specs, paths })
    }

    fn spec(&self, name: &str) -> Result<&ParameterSpec, Error> {
        self.specs.iter().find(|spec| spec.name == name).ok_or_else(|| Error::usage(format!("no parameter {name}")))
    }
}

fn path(name: &str) -> String {
    name.replace('.', "/")
}

/// The elements of a tensor of shape `axes` from those of the original's layout: a dense kernel there is `[in, out]`,
/// however the heads divide it, and the tubelet kernel `[t, h, w, P, C]`.
fn from_flax(name: &str, axes: &[usize], flax: Vec<f32>) -> Vec<f32> {
    match *axes {
        [channels, planes, frames, rows, columns] => {
            let mut values = Vec::new();
            for channel in 0..channels {
                for plane in 0..planes {
                    for frame in 0..frames {
                        for row in 0..rows {
                            for column in 0..columns {
                                let pixel = (frame * rows + row) * columns + column;
                                values.push(flax[(pixel * planes + plane) * channels + channel]);
                            }
                        }
                    }
                }
            }
            values
        }
        [outputs, inputs] if name.ends_with("kernel") => (0..outputs)
            .flat_map(|output| (0..inputs).map(move |input| input * outputs + output))
            .map(|place| flax[place])
            .collect(),
        _ => flax,
    }
}

impl Weights for Formula {
    fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let ParameterSpec { name, shape, .. } = self.spec(name)?;
        let path = path(name);
        let index = self.paths.iter().position(|other| *other == path).unwrap_or_default() as f64;
        let base = if path.ends_with("scale") { 1.0 } else { 0.0 };
        let value = |place: usize| (base + 0.25 * (0.37 * place as f64 + 1.3 * index).sin()) as f32;
        Tensor::f32(shape.clone(), from_flax(name, shape.axes(), (0..shape.elements()).map(value).collect()))
    }
}

impl Parameters for Formula {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape, Error> {
        Ok(self.spec(name)?.shape.clone())
    }
}
