//! Random tensors, the same for the same seed on every machine.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{ParameterSpec, Parameters};
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};

/// What the elements of one tensor are drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Distribution {
    /// All elements alike.
    Constant(f32),
    /// Evenly between `centre` − `reach` and `centre` + `reach`.
    Uniform {
        /// The mean.
        centre: f32,
        /// How far it reaches to both sides.
        reach: f32,
    },
    /// Normally around 0.
    Normal {
        /// Standard deviation.
        deviation: f32,
    },
    /// Normally around 0, but nothing beyond two standard deviations of the uncut distribution.
    TruncatedNormal {
        /// Standard deviation of what is drawn.
        deviation: f32,
    },
}

/// Tensors drawn when they are asked for, each from a random stream of its own.
#[derive(Debug)]
pub(crate) struct RandomParameters {
    specs: Vec<ParameterSpec>,
    indices: HashMap<String, usize>,
    seed: u64,
    distribution: fn(&ParameterSpec) -> Distribution,
}

impl RandomParameters {
    /// Tensors as `specs` lists them, each of the distribution that is given for it.
    pub(crate) fn new(specs: Vec<ParameterSpec>, seed: u64, distribution: fn(&ParameterSpec) -> Distribution) -> Self {
        let indices = specs.iter().enumerate().map(|(index, spec)| (spec.name.clone(), index)).collect();
        Self { specs, indices, seed, distribution }
    }

    fn spec(&self, name: &str) -> Result<&ParameterSpec> {
        let index = self.indices.get(name);
        index
            .map(|&index| &self.specs[index])
            .ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

impl Parameters for RandomParameters {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        Ok(self.spec(name)?.shape.clone())
    }
}

impl Weights for RandomParameters {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let spec = self.spec(name)?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(stream(name));
        let distribution = (self.distribution)(spec);
        let draw = || match distribution {
            Distribution::Constant(value) => value,
            Distribution::Uniform { centre, reach } => centre + reach * symmetric(random.next_u32()),
            Distribution::Normal { deviation } => deviation * normal(&mut random) as f32,
            Distribution::TruncatedNormal { deviation } => {
                (f64::from(deviation) / TRUNCATED_DEVIATION * truncated_normal(&mut random)) as f32
            }
        };
        let values = std::iter::repeat_with(draw).take(spec.shape.elements()).collect();
        Tensor::f32(spec.shape.clone(), values)
    }
}

/// Standard deviation of the standard normal distribution cut at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_66;

/// A random word as a number strictly between -1 and 1, of 24 bits so that none is rounded.
fn symmetric(word: u32) -> f32 {
    const HALF_RANGE: f32 = (1 << 23) as f32;
    ((word >> 8) as f32 - (HALF_RANGE - 0.5)) / HALF_RANGE
}

/// A number of the standard normal distribution, by the method of Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let [radius, angle] = [(); 2].map(|()| (f64::from(random.next_u32()) + 0.5) / 2f64.powi(32));
    libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * angle)
}

/// A number of the standard normal distribution cut at ±2.
fn truncated_normal(random: &mut ChaCha8Rng) -> f64 {
    loop {
        let number = normal(random);
        if number.abs() <= 2.0 {
            return number;
        }
    }
}

/// The random stream of a name: its FNV-1a hash, which is the same everywhere.
fn stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, standard deviation and largest magnitude of 20,000 elements.
    fn moments(distribution: fn(&ParameterSpec) -> Distribution) -> [f64; 3] {
        let specs = vec![ParameterSpec { name: "a".into(), shape: [20_000].into() }];
        let tensor = RandomParameters::new(specs, 3, distribution).tensor("a").unwrap();
        let values: Vec<_> = tensor.as_f32().unwrap().iter().map(|&value| f64::from(value)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        [mean, variance.sqrt(), values.iter().fold(0.0, |largest, value| value.abs().max(largest))]
    }

    #[test]
    fn distributions_have_their_moments() {
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 0.02, "{value} for {expected}");
        let [mean, deviation, largest] = moments(|_| Distribution::Uniform { centre: 1.0, reach: 0.5 });
        near(mean, 1.0);
        near(deviation, 0.5 / 3f64.sqrt());
        near(largest, 1.5);
        let [mean, deviation, largest] = moments(|_| Distribution::Normal { deviation: 1.0 });
        near(mean, 0.0);
        near(deviation, 1.0);
        assert!(largest > 3.5, "{largest}");
        let [mean, deviation, largest] = moments(|_| Distribution::TruncatedNormal { deviation: 1.0 });
        near(mean, 0.0);
        near(deviation, 1.0);
        near(largest, 2.0 / TRUNCATED_DEVIATION);
        assert_eq!(moments(|_| Distribution::Constant(2.0)), [2.0, 0.0, 2.0]);
    }
}
