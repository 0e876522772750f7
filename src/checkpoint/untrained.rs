//! Random weights for a shape that nobody has trained.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Checkpoint, Family};
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{Config, ParameterSpec, Parameters};

/// A model of shape `config` with random weights: the same for the same `seed`, on every machine.
///
/// The weights are drawn as for a training from scratch (kernels uniform with Xavier's bounds), except that what
/// would begin at exactly 0 or 1, the biases, the head, the class token, is given a small spread around it, so that
/// every tensor shows in the logits. Each tensor has a random stream of its own and is made when it is asked for.
///
/// # Errors
///
/// A configuration that [`Config::validate`] refuses.
pub fn untrained(config: Config, seed: u64) -> Result<Checkpoint> {
    config.validate()?;
    let specs = config.parameters();
    let indices = specs.iter().enumerate().map(|(index, spec)| (spec.name.clone(), index)).collect();
    Ok(Checkpoint {
        family: Family::Untrained,
        source: format!("untrained weights from seed {seed}"),
        parameters: std::sync::Arc::new(Untrained { specs, indices, seed }),
        labels: None,
        preprocessor: None,
        notes: vec!["UNTRAINED MODEL: random weights, so its predictions mean nothing".into()],
        config,
    })
}

#[derive(Debug)]
struct Untrained {
    specs: Vec<ParameterSpec>,
    indices: HashMap<String, usize>,
    seed: u64,
}

impl Untrained {
    fn spec(&self, name: &str) -> Result<&ParameterSpec> {
        let index = self.indices.get(name);
        index
            .map(|&index| &self.specs[index])
            .ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

impl Parameters for Untrained {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        Ok(self.spec(name)?.shape.clone())
    }
}

impl crate::graph::Weights for Untrained {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let ParameterSpec { name, shape } = self.spec(name)?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(stream(name));
        let mut words = vec![0u32; shape.elements()];
        random.fill_bytes(bytemuck::cast_slice_mut(&mut words));
        let (centre, reach) = distribution(name, shape);
        let values = words.into_iter().map(|word| centre + reach * symmetric(u32::from_le(word))).collect();
        Tensor::f32(shape.clone(), values)
    }
}

/// Standard deviation of positions in a training from scratch; here also of what would begin at 0 or 1.
const SPREAD: f32 = 0.02;

/// Centre of a tensor's uniform distribution, and how far it reaches to both sides.
fn distribution(name: &str, shape: &Shape) -> (f32, f32) {
    // A uniform distribution of standard deviation s reaches s·√3.
    let narrow = SPREAD * 3f32.sqrt();
    let outputs = shape.axes().first().copied().unwrap_or(1);
    let inputs = shape.elements() / outputs.max(1);
    match name.rsplit_once('.').map_or(name, |(_, tensor)| tensor) {
        // LeCun's bound, for values of unit variance to stay so.
        "kernel" if name == "embedding.kernel" => (0.0, (3.0 / inputs as f32).sqrt()),
        "kernel" => (0.0, (6.0 / (inputs + outputs) as f32).sqrt()),
        "scale" => (1.0, narrow),
        _ => (0.0, narrow),
    }
}

/// A random word as a number strictly between -1 and 1, of 24 bits so that none is rounded.
fn symmetric(word: u32) -> f32 {
    const HALF_RANGE: f32 = (1 << 23) as f32;
    ((word >> 8) as f32 - (HALF_RANGE - 0.5)) / HALF_RANGE
}

/// The random stream of a name: its FNV-1a hash, which is the same everywhere.
fn stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
